package main

import (
	"bytes"
	"os"
	"testing"
)

func TestTheWrittenEventContractIsCurrent(t *testing.T) {
	t.Parallel()
	want, err := asyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../events/asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("events/asyncapi.json is not what the registry says: run `make contract` and look at the difference")
	}
}
