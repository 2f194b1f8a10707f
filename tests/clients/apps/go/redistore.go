// gorilla/sessions in redistore, which is on redigo.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"

	"github.com/boj/redistore"
	"github.com/gorilla/sessions"
)

func main() {
	store, err := redistore.NewRediStore(4, "tcp", os.Getenv("REDIS_ADDRESS"), os.Getenv("REDIS_PASSWORD"),
		[]byte("not a secret"))
	if err != nil {
		log.Fatal(err)
	}
	store.SetKeyPrefix(os.Getenv("NAME") + ":")

	http.HandleFunc("/", func(writer http.ResponseWriter, request *http.Request) {
		query := request.URL.Query()
		session, err := store.Get(request, "sid")
		if err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
		session.Options.MaxAge = 600
		save := func() {
			if err == nil {
				err = session.Save(request, writer)
			}
		}
		changeID := func() {
			if !session.IsNew {
				age := session.Options.MaxAge
				session.Options.MaxAge = -1
				save()
				session.Options.MaxAge = age
			}
			session.ID = ""
			save()
		}
		switch request.URL.Path {
		case "/login":
			session.Values["user"], session.Values["visits"] = query.Get("user"), 0
			if seconds, wrong := strconv.Atoi(query.Get("seconds")); wrong == nil {
				session.Options.MaxAge = seconds
			}
			changeID()
		case "/visit":
			session.Values["visits"] = session.Values["visits"].(int) + 1
			save()
		case "/rotate":
			changeID()
		case "/logout":
			session.Options.MaxAge = -1
			save()
			session.Values = map[interface{}]interface{}{}
		}
		if err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(writer, session)
	})

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, nil))
}

func answer(writer http.ResponseWriter, session *sessions.Session) {
	visits, _ := session.Values["visits"].(int)
	json.NewEncoder(writer).Encode(map[string]interface{}{"user": session.Values["user"], "visits": visits})
}
