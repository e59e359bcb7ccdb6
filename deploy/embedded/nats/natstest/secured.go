package natstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// SecuredServer is a server that accepts clients with a certificate and credentials.
type SecuredServer struct {
	URL string
	// Files of a client: its credentials (JWT and seed), the authority of the server's
	// certificate, and the client's own certificate with its key.
	Creds, CA, Cert, Key string
}

// Secured starts a server with JetStream that requires TLS, a client certificate, and a
// user of an account that its operator signed.
func Secured(t testing.TB) SecuredServer {
	t.Helper()
	dir := t.TempDir()
	s := SecuredServer{
		Creds: filepath.Join(dir, "user.creds"),
		CA:    filepath.Join(dir, "ca.pem"),
		Cert:  filepath.Join(dir, "client.pem"),
		Key:   filepath.Join(dir, "client.key"),
	}
	options := &server.Options{}
	options.TLSConfig = s.certificates(t)
	options.TLSTimeout = 5
	s.accounts(t, options)
	s.URL = run(t, options)
	return s
}

// Limited starts a server that has this many bytes for streams and returns its URL.
func Limited(t testing.TB, bytes int64) string {
	t.Helper()
	return run(t, &server.Options{JetStreamMaxStore: bytes})
}

func run(t testing.TB, options *server.Options) string {
	t.Helper()
	options.Host, options.Port = "127.0.0.1", -1
	options.JetStream, options.StoreDir = true, t.TempDir()
	options.NoSigs, options.NoLog = true, true
	running, err := server.NewServer(options)
	must(t, err)
	running.Start()
	t.Cleanup(func() {
		running.Shutdown()
		running.WaitForShutdown()
	})
	if !running.ReadyForConnections(30 * time.Second) {
		t.Fatal("the test's NATS server is not ready")
	}
	return "nats://" + running.Addr().String()
}

// accounts makes an operator, a system account, an account with JetStream, and a user of it.
func (s SecuredServer) accounts(t testing.TB, options *server.Options) {
	t.Helper()
	operator, err := nkeys.CreateOperator()
	must(t, err)
	operatorKey, err := operator.PublicKey()
	must(t, err)
	resolver := &server.MemAccResolver{}
	account := func(name string, jetStream bool) (nkeys.KeyPair, string) {
		pair, err := nkeys.CreateAccount()
		must(t, err)
		key, err := pair.PublicKey()
		must(t, err)
		claims := jwt.NewAccountClaims(key)
		claims.Name = name
		if jetStream {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{
				DiskStorage: jwt.NoLimit,
				Streams:     jwt.NoLimit,
				Consumer:    jwt.NoLimit,
			}
		}
		signed, err := claims.Encode(operator)
		must(t, err)
		must(t, resolver.Store(key, signed))
		return pair, key
	}
	_, system := account("SYS", false)
	owner, _ := account("CODEX", true)

	claims := jwt.NewOperatorClaims(operatorKey)
	claims.SystemAccount = system
	options.TrustedOperators = []*jwt.OperatorClaims{claims}
	options.AccountResolver = resolver
	options.SystemAccount = system

	user, err := nkeys.CreateUser()
	must(t, err)
	userKey, err := user.PublicKey()
	must(t, err)
	signed, err := jwt.NewUserClaims(userKey).Encode(owner)
	must(t, err)
	seed, err := user.Seed()
	must(t, err)
	creds, err := jwt.FormatUserConfig(signed, seed)
	must(t, err)
	must(t, os.WriteFile(s.Creds, creds, 0o600))
}

// certificates makes an authority, a certificate for the server and one for a client.
func (s SecuredServer) certificates(t testing.TB) *tls.Config {
	t.Helper()
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	authority := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "the authority of a test"},
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	must(t, err)
	authority, err = x509.ParseCertificate(raw)
	must(t, err)
	writePEM(t, s.CA, "CERTIFICATE", raw)

	issue := func(serial int64, usage x509.ExtKeyUsage) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		issued, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(serial),
			Subject:      pkix.Name{CommonName: "codex"},
			NotAfter:     time.Now().Add(time.Hour),
			IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage:  []x509.ExtKeyUsage{usage},
		}, authority, key.Public(), authorityKey)
		must(t, err)
		return issued, key
	}
	client, clientKey := issue(2, x509.ExtKeyUsageClientAuth)
	encoded, err := x509.MarshalPKCS8PrivateKey(clientKey)
	must(t, err)
	writePEM(t, s.Cert, "CERTIFICATE", client)
	writePEM(t, s.Key, "PRIVATE KEY", encoded)

	own, ownKey := issue(3, x509.ExtKeyUsageServerAuth)
	authorities := x509.NewCertPool()
	authorities.AddCert(authority)
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{own}, PrivateKey: ownKey}},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    authorities,
	}
}

func writePEM(t testing.TB, path, kind string, content []byte) {
	t.Helper()
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
