// A session in a hash, by hand, on go-redis: MULTI, HGETALL, RENAMENX.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"gopkg.in/redis.v5"
)

var client = redis.NewClient(&redis.Options{Addr: os.Getenv("REDIS_ADDRESS"), Password: os.Getenv("REDIS_PASSWORD")})

func key(sid string) string {
	return os.Getenv("NAME") + ":" + sid
}

func newID() string {
	bytes := make([]byte, 16)
	if _, err := rand.Read(bytes); err != nil {
		log.Fatal(err)
	}
	return hex.EncodeToString(bytes)
}

// change does what the page asks for, and returns the id that the session has then.
func change(page, sid, user string, lifetime time.Duration) (string, error) {
	fresh := newID()
	switch page {
	case "/login":
		_, err := client.TxPipelined(func(pipeline *redis.Pipeline) error {
			pipeline.HMSet(key(fresh), map[string]string{"user": user, "visits": "0"})
			pipeline.Expire(key(fresh), lifetime)
			return nil
		})
		return fresh, err
	case "/visit":
		return sid, client.HIncrBy(key(sid), "visits", 1).Err()
	case "/rotate":
		return fresh, client.RenameNX(key(sid), key(fresh)).Err()
	case "/logout":
		return sid, client.Del(key(sid)).Err()
	}
	return sid, nil
}

func handle(writer http.ResponseWriter, request *http.Request) {
	query, sid := request.URL.Query(), "none"
	if cookie, err := request.Cookie("sid"); err == nil {
		sid = cookie.Value
	}
	seconds, err := strconv.Atoi(query.Get("seconds"))
	if err != nil {
		seconds = 600
	}
	sid, err = change(request.URL.Path, sid, query.Get("user"), time.Duration(seconds)*time.Second)
	var session map[string]string
	if err == nil {
		session, err = client.HGetAll(key(sid)).Result()
	}
	if err != nil {
		http.Error(writer, err.Error(), http.StatusInternalServerError)
		return
	}
	http.SetCookie(writer, &http.Cookie{Name: "sid", Value: sid})
	visits, _ := strconv.Atoi(session["visits"])
	json.NewEncoder(writer).Encode(map[string]interface{}{"user": session["user"], "visits": visits})
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, http.HandlerFunc(handle)))
}
