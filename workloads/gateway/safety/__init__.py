"""The constitutional layer: principles as data, the screening of requests and answers by them, and critique with a bounded revision."""
