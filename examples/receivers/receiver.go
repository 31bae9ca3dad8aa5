// WEBHOOK_SECRET=whsec_… PORT=9000 go run receiver.go        needs nothing but Go
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // the bytes as they came: parsed and printed again, they no longer match
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	mac := hmac.New(sha256.New, []byte(os.Getenv("WEBHOOK_SECRET")))
	mac.Write(body)
	expected := hex.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(expected), []byte(r.Header.Get("vomo-signature"))) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var event struct {
		Type           string          `json:"type"`
		OrganizationID int64           `json:"organization_id"`
		Data           json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	// Put the work in a queue and answer: there are three seconds. The same webhook-id again is the same delivery.
	log.Println(event.Type, "for organization", event.OrganizationID, r.Header.Get("webhook-id"))
	w.WriteHeader(http.StatusNoContent)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("listening on http://%s", listener.Addr())
	log.Fatal(http.Serve(listener, http.HandlerFunc(receive)))
}
