"""Response caching: an exact cache bounded by bytes and age, and one upstream call for identical concurrent requests."""
