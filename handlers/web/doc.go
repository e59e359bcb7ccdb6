// Package web serves the pages and their assets: the home page, the pages that mails link
// to (an invitation, a password reset), the documentation, and in development the
// mailbox. Pages send requests to the API like any other client. Every page has a
// Content-Security-Policy that allows the platform's own files only, and no inline code.
package web
