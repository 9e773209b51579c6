"""What a tenant and a key may use: requests, tokens in and out per minute, and money per day. No socket and no clock."""
