"""Downloads and builds tools into the cache."""
