package stripe_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	stripego "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
)

// TestSandboxProcess is not a test: it is the program that the crash test kills.
func TestSandboxProcess(t *testing.T) {
	path, endpoint := os.Getenv("SANDBOX_STATE"), os.Getenv("SANDBOX_ENDPOINT")
	if path == "" {
		t.Skip("run by TestKill9LosesNothingThatWasAnswered")
	}
	s, err := sandbox.Start(context.Background(), sandbox.Config{
		SecretKey: secretKey, StateFile: path,
		Webhooks: []sandbox.Endpoint{{Name: "main", URL: endpoint, Secret: hookSecret}},
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(s.URL())
	// The parent holds standard input open; should it die, this process ends as well.
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	_ = s.Stop(context.Background())
}

func TestKill9LosesNothingThatWasAnswered(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	in.refuse = -1
	path := filepath.Join(t.TempDir(), "stripe.journal")
	cmd := exec.Command(os.Args[0], "-test.run=^TestSandboxProcess$")
	cmd.Env = append(os.Environ(), "SANDBOX_STATE="+path, "SANDBOX_ENDPOINT="+in.server.URL)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = address[:len(address)-1]

	answered := payUntilKilled(t, cmd, address)
	_ = cmd.Wait() // killed

	in.mu.Lock()
	in.refuse = 0
	in.mu.Unlock()
	b := start(t, func(c *sandbox.Config) {
		c.StateFile, c.Webhooks[0] = path, sandbox.Endpoint{Name: "main", URL: in.server.URL, Secret: hookSecret}
	})
	for _, id := range answered {
		if s, err := b.api.CheckoutSessions.Get(id, nil); err != nil || s.PaymentStatus != "paid" {
			t.Fatalf("%s was answered as paid and is gone: %+v, %v", id, s, err)
		}
	}
	waitFor(t, "a webhook for every paid session", func() bool {
		delivered := in.sessions()
		return !slices.ContainsFunc(answered, func(id string) bool { return !delivered[id] })
	})
}

// payUntilKilled pays sessions from four buyers, kills the process in the middle and
// returns the sessions whose payment had been answered.
func payUntilKilled(t *testing.T, cmd *exec.Cmd, address string) []string {
	t.Helper()
	web := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	backend := stripego.GetBackendWithConfig(stripego.APIBackend, &stripego.BackendConfig{
		URL:               &address,
		HTTPClient:        web,
		MaxNetworkRetries: stripego.Int64(0),
		LeveledLogger:     &stripego.LeveledLogger{Level: stripego.LevelNull},
	})
	api := client.New(secretKey, &stripego.Backends{API: backend})
	var mu sync.Mutex
	var answered []string
	var kill sync.Once
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				s, err := api.CheckoutSessions.New(sale())
				if err != nil {
					return
				}
				resp, err := web.Post(address+"/c/pay/"+s.ID+"/pay", "", nil)
				if err != nil {
					return
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusSeeOther {
					t.Errorf("status %d", resp.StatusCode)
					return
				}
				mu.Lock()
				answered = append(answered, s.ID)
				enough := len(answered) >= 25
				mu.Unlock()
				if enough {
					kill.Do(func() { _ = cmd.Process.Kill() })
				}
			}
		})
	}
	wg.Wait()
	kill.Do(func() { _ = cmd.Process.Kill() })
	if len(answered) < 25 {
		t.Fatalf("only %d payments before the end", len(answered))
	}
	return answered
}
