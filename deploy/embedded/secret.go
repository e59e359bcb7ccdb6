package embedded

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// minSecretBytes is 128 bits: anything shorter can be guessed offline.
const minSecretBytes = 16

// Secret returns the secret of that name, base64url without padding. The first
// call draws size random bytes (at least 16) and keeps them in a file of mode 0600;
// later calls return the same text whatever size they ask for, so a restart
// signs with the same key. Names are lower-case letters, digits and hyphens.
func (d *DataDir) Secret(name string, size int) (string, error) {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "", fmt.Errorf("secret name %q: want lower-case letters, digits and hyphens", name)
	}
	if size < minSecretBytes {
		return "", fmt.Errorf("secret %s: %d bytes are too few, want %d or more", name, size, minSecretBytes)
	}
	path := d.Path(secretsDir, name)
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		return string(text), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read secret %s: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("create the directory of secrets: %w", err)
	}
	random := make([]byte, size)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	secret := base64.RawURLEncoding.EncodeToString(random)
	if err := writeDurably(path, []byte(secret)); err != nil {
		return "", fmt.Errorf("keep secret %s: %w", name, err)
	}
	return secret, nil
}

// StoredSecret returns a secret that [DataDir.Secret] keeps in the data directory at path,
// without opening it: another process may hold it. It is empty when there is none yet.
func StoredSecret(path, name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(path, secretsDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read secret %s: %w", name, err)
	}
	return string(text), nil
}
