// See judge.py. Compiled together with the example's verify.go.
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		now, _ := strconv.ParseInt(fields[1], 10, 64)
		text := func(field int) string {
			bytes, _ := base64.StdEncoding.DecodeString(fields[field])
			return string(bytes)
		}
		headers := http.Header{}
		headers.Set("webhook-id", text(2))
		headers.Set("webhook-timestamp", text(3))
		headers.Set("webhook-signature", text(4))
		if _, err := verify(fields[0], headers, []byte(text(5)), time.Unix(now, 0)); err != nil {
			fmt.Println("refuse:", err)
		} else {
			fmt.Println("accept")
		}
	}
}
