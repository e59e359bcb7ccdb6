// Package mail is what the contexts share about e-mail: addresses, the kinds of mail,
// and how one is composed as text and HTML.
//
// It is pure. The mails themselves are written where the occasion is known (packages
// identity and organization), stored by mail/postgres in the transaction of the change
// they are about, and delivered by mail/smtp.
package mail
