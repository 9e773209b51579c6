#!/bin/sh
# Makes the secrets engine ready for the environment's workloads. Run by the Job `vault-setup` after every change, and by hand for an
# engine that opens its seal by hand. Mounts, keys and authorities are made where they are missing; policies, roles and connections are
# written as they are now, which changes nothing where nothing changed.
#
#   ENGINE            the program: bao or vault
#   FIRST_ADDR        the server that begins the cluster; the others join it
#   VAULT_ADDR        the active server
#   VAULT_TOKEN       the token to use (by hand); without it the one of a first run, else a login with the file JWT_FILE
#   TRUST_DOMAIN, CERTIFICATE_TTL, KUBERNETES_HOST
#   KUBERNETES_CA     a file, where the servers do not run in the cluster whose tokens they ask about
#   /vault/setup      `roles` and `databases`; /vault/policies: one file a policy (SETUP, POLICIES: other folders, for tests)
#   /vault/work       memory: survives a restart of this container and nothing else (WORK)
#   /vault/stores     `password` of the data stores (STORES)
set -eu

setup=${SETUP:-/vault/setup} policies=${POLICIES:-/vault/policies} work=${WORK:-/vault/work} stores=${STORES:-/vault/stores}
root_token=$work/root-token

say() { printf '%s\n' "$*" >&2; }

# Wait for a command to succeed: at most five minutes, then the Job begins again.
wait_for() {
  what=$1
  shift
  for _ in $(seq 150); do
    "$@" >"$work/last" 2>&1 && return 0
    sleep 2
  done
  say "gave up waiting for $what: $(cat "$work/last")"
  exit 1
}

# `status` ends with 0 (open), 2 (sealed or not initialised) or 1 (no answer).
answers() { code=0; VAULT_ADDR=$FIRST_ADDR "$ENGINE" status || code=$?; [ "$code" -ne 1 ]; }

initialise() {
  wait_for "the first server" answers
  code=0
  VAULT_ADDR=$FIRST_ADDR "$ENGINE" operator init -status >/dev/null 2>&1 || code=$?
  if [ "$code" -eq 0 ]; then return; fi
  if [ "$code" -ne 2 ]; then say "cannot tell whether the first server is initialised"; exit 1; fi
  if [ "$ENGINE" != bao ]; then say "initialise and unseal the servers first: vault operator init"; exit 1; fi
  # No recovery keys: the seal opens itself, and what they would allow, the role `vault-setup` allows to whom Kubernetes lets be it.
  # Without them a root token cannot be made again, so that the one of this run is kept until that role exists.
  VAULT_ADDR=$FIRST_ADDR "$ENGINE" operator init -recovery-shares=0 -recovery-threshold=0 -format=json >"$work/init"
  (umask 077; sed -n 's/.*"root_token": *"\([^"]*\)".*/\1/p' "$work/init" >"$root_token")
  rm "$work/init"
  say "initialised"
}

log_in() {
  wait_for "the active server" "$ENGINE" status
  if [ -n "${VAULT_TOKEN:-}" ]; then
    :
  elif [ -s "$root_token" ]; then
    VAULT_TOKEN=$(cat "$root_token")
  else
    VAULT_TOKEN=$("$ENGINE" write -field=token auth/kubernetes/login role=vault-setup jwt="@$JWT_FILE")
  fi
  export VAULT_TOKEN
  wait_for "a leader" "$ENGINE" token lookup
}

# Does $2 stand among the keys that the command $1 lists? A list that cannot be read ends the run: it is not an empty one.
listed() { list=$("$ENGINE" $1 -format=json) || exit 1; printf '%s' "$list" | grep -q "\"$2/\""; }

# Is there an issuer in the authority $1?
issues() {
  "$ENGINE" list -format=json "$1/issuers" >"$work/issuers" 2>"$work/last" && return 0
  if [ "$(tr -d ' \n' <"$work/issuers")" = "{}" ]; then return 1; fi
  say "cannot list the issuers of $1: $(cat "$work/last")"
  exit 1
}

mount() {
  path=$1
  shift
  listed "secrets list" "$path" || "$ENGINE" secrets enable -path="$path" "$@"
}

allow_logins() {
  listed "auth list" kubernetes || "$ENGINE" auth enable kubernetes
  "$ENGINE" write auth/kubernetes/config kubernetes_host="$KUBERNETES_HOST" ${KUBERNETES_CA:+kubernetes_ca_cert="@$KUBERNETES_CA"}
  for file in "$policies"/*.hcl; do "$ENGINE" policy write "$(basename "$file" .hcl)" "$file"; done
  while read -r role namespace accounts; do
    "$ENGINE" write "auth/kubernetes/role/$role" bound_service_account_namespaces="$namespace" \
      bound_service_account_names="$accounts" audience=vault token_policies="$role" token_ttl=20m token_max_ttl=1h
  done <"$setup/roles"
}

certify() {
  mount pki -max-lease-ttl=87600h pki
  mount pki_int -max-lease-ttl=43800h pki
  issues pki || "$ENGINE" write pki/root/generate/internal common_name="$TRUST_DOMAIN root" key_type=ec key_bits=384 ttl=87600h >/dev/null
  if ! issues pki_int; then
    request=$("$ENGINE" write -field=csr pki_int/intermediate/generate/internal \
      common_name="$TRUST_DOMAIN workloads" key_type=ec key_bits=256)
    signed=$("$ENGINE" write -field=certificate pki/root/sign-intermediate csr="$request" format=pem_bundle ttl=43800h)
    "$ENGINE" write pki_int/intermediate/set-signed certificate="$signed" >/dev/null
  fi
  # Workloads only: whoever sets the engine up needs no certificate.
  grep -v '^vault-setup ' "$setup/roles" | while read -r role namespace _; do
    "$ENGINE" write "pki_int/roles/$role" allowed_domains="$namespace.svc" allow_subdomains=true allow_any_name=false require_cn=false \
      allowed_uri_sans="spiffe://$TRUST_DOMAIN/ns/$namespace/sa/*" key_type=ec key_bits=256 max_ttl="$CERTIFICATE_TTL"
  done
}

store_secrets() {
  mount secret -version=2 kv
  mount transit transit
  for key in model-updates sandtable-stack; do
    "$ENGINE" read "transit/keys/$key" >/dev/null 2>&1 || "$ENGINE" write -f "transit/keys/$key" >/dev/null
  done
}

lend_databases() {
  [ -s "$setup/databases" ] || return 0
  mount database database
  while read -r name address role; do
    # Not verified: the store may start later than this.
    "$ENGINE" write "database/config/$name" plugin_name=postgresql-database-plugin verify_connection=false allowed_roles="$role" \
      connection_url="postgresql://{{username}}:{{password}}@$address/postgres" username=postgres password="@$stores/password" \
      password_authentication=scram-sha-256
    "$ENGINE" write "database/roles/$role" db_name="$name" default_ttl=1h max_ttl=24h creation_statements="CREATE ROLE \"{{name}}\" \
WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; GRANT pg_read_all_data TO \"{{name}}\";"
  done <"$setup/databases"
}

initialise
log_in
allow_logins
certify
store_secrets
lend_databases
if [ -s "$root_token" ]; then
  "$ENGINE" token revoke -self
  rm "$root_token"
fi
say "ready"
