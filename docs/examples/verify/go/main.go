// A webhook receiver: WEBHOOK_SECRET=whsec_… PORT=9000 go run .
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sync"
	"time"
)

const bodyBytesMax = 16 * 1024 * 1024

// A message can arrive twice. Remember its id when the work is done, best in the same transaction, for as long as retries
// last. A map that is lost at the end of the process is for this example only.
var seen sync.Map

// handle is your work. Do it in the background when it takes more than a few seconds: the sender waits for the answer.
func handle(id, eventType string, payload []byte) {
	fmt.Println("verified", id, eventType, string(payload))
}

func receive(response http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, bodyBytesMax))
	if err != nil {
		http.Error(response, "the body is too large or was cut off", http.StatusRequestEntityTooLarge)
		return
	}
	id, err := verify(os.Getenv("WEBHOOK_SECRET"), request.Header, body, time.Now())
	if err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	if _, repeated := seen.Load(id); repeated {
		fmt.Println("repeated", id)
		fmt.Fprint(response, "repeated")
		return
	}
	handle(id, request.Header.Get("webhook-event"), body)
	seen.Store(id, true)
	fmt.Fprint(response, "verified")
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "9000"
	}
	http.HandleFunc("/", receive)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
