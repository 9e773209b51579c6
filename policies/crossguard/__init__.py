"""The rules as a Pulumi policy pack (CrossGuard): ``pulumi preview --policy-pack policies/crossguard``."""
