package notify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// encodedKey is in front of keys that are written in base64, as those of Standard
// Webhooks are. Another key is the bytes of the file.
const encodedKey = "whsec_"

// sign adds the headers of Standard Webhooks (https://www.standardwebhooks.com).
// The time is that of the attempt, for receivers refuse what is minutes old; the
// id is that of the batch. Without a secret there is no signature.
func sign(h http.Header, b batch, secretFile string, now time.Time) error {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	h.Set("Webhook-Id", b.id)
	h.Set("Webhook-Timestamp", timestamp)
	if secretFile == "" {
		return nil
	}
	key, err := readKey(secretFile)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", b.id, timestamp, b.body)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

// readKey returns the key that signs. Its errors show nothing of it.
func readKey(file string) ([]byte, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, err
	}
	key := bytes.TrimSpace(text)
	if encoded, found := bytes.CutPrefix(key, []byte(encodedKey)); found {
		if key, err = base64.StdEncoding.AppendDecode(nil, encoded); err != nil {
			return nil, fmt.Errorf("%s has no base64 behind %q", file, encodedKey)
		}
	}
	if len(key) == 0 {
		return nil, fmt.Errorf("%s holds no secret", file)
	}
	return key, nil
}
