// Package ejbca stands in for a client of the EJBCA certificate authority that the Go module proxy does not serve. SPIRE's server compiles
// it in for one upstream authority, which no environment of ours configures; here it answers that it was left out.
package ejbca

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
)

var errLeftOut = errors.New("the EJBCA upstream authority was left out of this build")

type (
	Authenticator interface{ leftOut() }

	MTLSAuthenticatorBuilder          struct{}
	Configuration                     struct{ Host string }
	APIClient                         struct{ V1CertificateApi *V1CertificateApi }
	V1CertificateApi                  struct{}
	ApiEnrollPkcs10CertificateRequest struct{}
	EnrollCertificateRestRequest      struct{}
	CertificateRestResponse           struct{ CertificateChain []string }
	GenericOpenAPIError               struct{}
)

func NewMTLSAuthenticatorBuilder() *MTLSAuthenticatorBuilder { return &MTLSAuthenticatorBuilder{} }

func (b *MTLSAuthenticatorBuilder) WithClientCertificate(*tls.Certificate) *MTLSAuthenticatorBuilder {
	return b
}

func (b *MTLSAuthenticatorBuilder) WithCaCertificates([]*x509.Certificate) *MTLSAuthenticatorBuilder {
	return b
}

func (b *MTLSAuthenticatorBuilder) Build() (Authenticator, error) { return nil, errLeftOut }

func NewConfiguration() *Configuration { return &Configuration{} }

func (c *Configuration) SetAuthenticator(Authenticator) {}

func NewAPIClient(*Configuration) (*APIClient, error) { return nil, errLeftOut }

func (a *V1CertificateApi) EnrollPkcs10Certificate(context.Context) ApiEnrollPkcs10CertificateRequest {
	return ApiEnrollPkcs10CertificateRequest{}
}

func (r ApiEnrollPkcs10CertificateRequest) EnrollCertificateRestRequest(EnrollCertificateRestRequest) ApiEnrollPkcs10CertificateRequest {
	return r
}

func (r ApiEnrollPkcs10CertificateRequest) Execute() (*CertificateRestResponse, *http.Response, error) {
	return nil, nil, errLeftOut
}

func NewEnrollCertificateRestRequest() *EnrollCertificateRestRequest {
	return &EnrollCertificateRestRequest{}
}

func (r *EnrollCertificateRestRequest) SetUsername(string)                 {}
func (r *EnrollCertificateRestRequest) SetPassword(string)                 {}
func (r *EnrollCertificateRestRequest) SetCertificateRequest(string)       {}
func (r *EnrollCertificateRestRequest) SetCertificateAuthorityName(string) {}
func (r *EnrollCertificateRestRequest) SetCertificateProfileName(string)   {}
func (r *EnrollCertificateRestRequest) SetEndEntityProfileName(string)     {}
func (r *EnrollCertificateRestRequest) SetIncludeChain(bool)               {}
func (r *EnrollCertificateRestRequest) SetAccountBindingId(string)         {}

func (r *CertificateRestResponse) GetResponseFormat() string { return "" }

func (r *CertificateRestResponse) GetCertificate() string { return "" }

func (e *GenericOpenAPIError) Error() string { return errLeftOut.Error() }

func (e *GenericOpenAPIError) Body() []byte { return nil }
