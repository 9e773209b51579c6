"""What needs no pod of the platform: the API's objects, admission, the kinds that teams may claim."""
