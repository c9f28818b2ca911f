// Verifies webhooks signed after Standard Webhooks, schemes v1 and v1a, with Go's standard library alone.
package main

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const tolerance = 5 * time.Minute

// verify returns the id of the message. secret is the endpoint's `whsec_…`, or its public key `whpk_…`. body is what
// arrived, byte for byte.
func verify(secret string, headers http.Header, body []byte, now time.Time) (string, error) {
	header := func(part string) string {
		if value := headers.Get("webhook-" + part); value != "" {
			return value
		}
		return headers.Get("svix-" + part)
	}
	id, timestamp, signatures := header("id"), header("timestamp"), header("signature")
	seconds, err := strconv.ParseUint(timestamp, 10, 40)
	if id == "" || err != nil {
		return "", errors.New("the id or the timestamp is missing or malformed")
	}
	if off := now.Sub(time.Unix(int64(seconds), 0)); off > tolerance || off < -tolerance {
		return "", errors.New("the timestamp is more than 5 minutes off")
	}
	matches, err := matcher(secret, append([]byte(id+"."+timestamp+"."), body...))
	if err != nil {
		return "", err
	}
	// While a secret is being rotated there are several signatures; one that matches is enough.
	for _, signature := range strings.Split(signatures, " ") {
		if matches(signature) {
			return id, nil
		}
	}
	return "", errors.New("no signature matches")
}

func matcher(secret string, signed []byte) (func(string) bool, error) {
	encoded := strings.TrimPrefix(strings.TrimPrefix(secret, "whsec_"), "whpk_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err == nil && strings.HasPrefix(secret, "whsec_"):
		mac := hmac.New(sha256.New, key)
		mac.Write(signed)
		expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		return func(given string) bool { return hmac.Equal(expected, []byte(given)) }, nil
	case err == nil && strings.HasPrefix(secret, "whpk_") && len(key) == ed25519.PublicKeySize:
		return func(given string) bool {
			bytes, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(given, "v1a,"))
			return err == nil && strings.HasPrefix(given, "v1a,") && ed25519.Verify(key, signed, bytes)
		}, nil
	}
	return nil, errors.New("this needs a secret that begins with whsec_, or a public key that begins with whpk_")
}
