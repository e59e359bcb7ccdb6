package demo

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
)

// person is one account and the browser it is signed in with.
type person struct {
	*client
	name, email, role string
	password          string
	id                string
}

var verifyLink = regexp.MustCompile(`https?://[^\s"<>]+/api/auth/verify-email\?[^\s"<>]+`)

// signUp makes the account, reads the mail, follows its link and ends up signed in.
func (p *person) signUp(ctx context.Context) (string, error) {
	_, err := p.must(ctx, http.StatusOK, http.MethodPost, "/api/auth/sign-up/email", map[string]string{
		"name": p.name, "email": p.email, "password": p.password, "role": p.role,
	})
	if err != nil {
		return "", err
	}
	link, err := p.linkInMail(ctx)
	if err != nil {
		return "", err
	}
	if _, err := p.must(ctx, http.StatusFound, http.MethodGet, link, nil); err != nil {
		return "", err
	}
	a, err := p.must(ctx, http.StatusOK, http.MethodGet, "/api/auth/get-session", nil)
	if err != nil {
		return "", err
	}
	var session struct {
		User struct {
			ID            string `json:"id"`
			Email         string `json:"email"`
			Role          string `json:"role"`
			EmailVerified bool   `json:"emailVerified"`
		} `json:"user"`
	}
	if err := json.Unmarshal(a.body, &session); err != nil || session.User.ID == "" {
		return "", differs("a session after following the link", "%s", a.summary())
	}
	u := session.User
	if u.Email != p.email || u.Role != p.role || !u.EmailVerified {
		return "", differs("the session of a verified "+p.role, "role %q, verified %t", u.Role, u.EmailVerified)
	}
	p.id = u.ID
	return p.email, nil
}

// linkInMail waits for the verification mail. Only development has a mailbox.
func (p *person) linkInMail(ctx context.Context) (link string, err error) {
	err = until(ctx, soon, func(ctx context.Context) (bool, error) {
		a, err := p.call(ctx, http.MethodGet, "/mailbox.json?to="+url.QueryEscape(p.email), nil)
		if err != nil {
			return false, err
		}
		if err := a.expect(http.StatusOK); err != nil {
			return true, err
		}
		mails, err := many[struct{ Text string }](a)
		if err != nil {
			return true, err
		}
		for _, mail := range mails {
			if link = verifyLink.FindString(mail.Text); link != "" {
				return true, nil
			}
		}
		return false, differs("a verification link in the mailbox", "%d mails without one", len(mails))
	})
	return link, err
}
