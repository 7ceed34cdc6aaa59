package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	minToken = 16 // bytes: shorter ones can be guessed
	maxToken = 4 << 10
	maxName  = 64
)

// digest stands for a token, so that none stays in memory as it is, and that all
// have the same length to compare.
type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

// token is one line of a token file.
type token struct {
	digest digest
	role   role
	name   string
}

// find returns the token of the list that secret is. It takes as long whichever
// that is.
func find(list []token, secret string) (token, bool) {
	d, found := digestOf(secret), -1
	for i := range list {
		if subtle.ConstantTimeCompare(list[i].digest[:], d[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return token{}, false
	}
	return list[found], true
}

// parseTokens reads lines "ROLE TOKEN [NAME]"; lines of "#" are comments. Its
// errors never quote the text: any word of it may be a token.
func parseTokens(path, text string) ([]token, error) {
	var list []token
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		t, err := parseToken(words)
		if err == nil && slices.ContainsFunc(list, func(other token) bool { return other.digest == t.digest }) {
			err = errors.New("the token stands in a line above already")
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		if t.name == "" {
			t.name = fmt.Sprintf("token on line %d", i+1)
		}
		list = append(list, t)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no token stands here; write lines of \"ROLE TOKEN [NAME]\"", path)
	}
	return list, nil
}

func parseToken(words []string) (token, error) {
	if len(words) < 2 || len(words) > 3 {
		return token{}, fmt.Errorf("%d words stand here; write \"ROLE TOKEN [NAME]\"", len(words))
	}
	t := token{role: role(words[0]), digest: digestOf(words[1])}
	if _, ok := rights[t.role]; !ok {
		return token{}, errors.New("the first word is no role; write read, drain, all or heartbeat")
	}
	if err := checkToken(words[1]); err != nil {
		return token{}, err
	}
	if len(words) == 2 {
		return t, nil
	}
	t.name = words[2]
	if len(t.name) > maxName || plain(t.name) != t.name {
		return token{}, fmt.Errorf("the name is for the log; write up to %d letters, digits and signs", maxName)
	}
	return t, nil
}

// checkToken refuses what can be guessed, or can not be sent (RFC 6750, section
// 2.1).
func checkToken(secret string) error {
	if len(secret) < minToken || len(secret) > maxToken {
		return fmt.Errorf("the token has %d bytes; write %d..%d", len(secret), minToken, maxToken)
	}
	if strings.ContainsFunc(secret, func(r rune) bool { return !isTokenRune(r) }) {
		return errors.New(`the token has other signs than letters, digits and -._~+/=`)
	}
	return nil
}

func isTokenRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~+/=", r)
}
