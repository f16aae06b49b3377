// Verifies callbacks with Go's standard library. Take Verify into your receiver; main reads test lines.
package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"strconv"
	"strings"
)

const toleranceSeconds = 300

// Callback is what was received: the body's bytes before any parsing, and the headers a signature may need.
type Callback struct {
	Body                     []byte
	Signature, ID, Timestamp string
	Now                      int64
}

// Verify tells whether the signature is the body's under one of the secrets.
func Verify(scheme string, secrets []string, c Callback) bool {
	for _, secret := range secrets {
		if matches(scheme, secret, c) {
			return true
		}
	}
	return false
}

func mac(algorithm func() hash.Hash, key []byte, pieces ...[]byte) []byte {
	m := hmac.New(algorithm, key)
	for _, piece := range pieces {
		m.Write(piece)
	}
	return m.Sum(nil)
}

func same(found, expected string) bool { return hmac.Equal([]byte(found), []byte(expected)) }

func fresh(seconds string, now int64) bool {
	signed, err := strconv.ParseInt(seconds, 10, 64)
	return err == nil && now-signed <= toleranceSeconds && signed-now <= toleranceSeconds
}

func matches(scheme, secret string, c Callback) bool {
	key := []byte(secret)
	switch scheme {
	case "FIREFLY":
		return same(c.Signature, base64.StdEncoding.EncodeToString(mac(sha256.New, key, c.Body)))
	case "PYFLY", "FIREFLY_RUST":
		return same(c.Signature, "sha256="+hex.EncodeToString(mac(sha256.New, key, c.Body)))
	case "SVC_INFRA":
		return same(c.Signature, hex.EncodeToString(mac(sha256.New, key, c.Body)))
	case "SERVO_SHA1":
		return same(c.Signature, hex.EncodeToString(mac(sha1.New, key, c.Body)))
	case "STRIPE":
		signedAt, signatures := "0", []string{}
		for _, item := range strings.Split(c.Signature, ",") {
			switch name, value, _ := strings.Cut(item, "="); name {
			case "t":
				signedAt = value
			case "v1":
				signatures = append(signatures, value)
			}
		}
		expected := hex.EncodeToString(mac(sha256.New, key, []byte(signedAt+"."), c.Body))
		return fresh(signedAt, c.Now) && contains(signatures, expected)
	case "STANDARD_WEBHOOKS":
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		expected := "v1," + base64.StdEncoding.EncodeToString(mac(sha256.New, key, []byte(c.ID+"."+c.Timestamp+"."), c.Body))
		return err == nil && fresh(c.Timestamp, c.Now) && contains(strings.Split(c.Signature, " "), expected)
	case "STANDARD_WEBHOOKS_ED25519":
		// The "secret" is the public key: whpk_…
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whpk_"))
		if err != nil || len(key) != ed25519.PublicKeySize || !fresh(c.Timestamp, c.Now) {
			return false
		}
		signed := append([]byte(c.ID+"."+c.Timestamp+"."), c.Body...)
		for _, one := range strings.Split(c.Signature, " ") {
			signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(one, "v1a,"))
			if strings.HasPrefix(one, "v1a,") && err == nil && ed25519.Verify(key, signed, signature) {
				return true
			}
		}
	}
	return false
}

func contains(signatures []string, expected string) bool {
	found := false
	for _, signature := range signatures {
		found = same(signature, expected) || found
	}
	return found
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		now, _ := strconv.ParseInt(f[5], 10, 64)
		body, _ := base64.StdEncoding.DecodeString(f[6])
		if Verify(f[0], []string{f[1]}, Callback{Body: body, Signature: f[2], ID: f[3], Timestamp: f[4], Now: now}) {
			fmt.Println("ok")
		} else {
			fmt.Println("refused")
		}
	}
}
