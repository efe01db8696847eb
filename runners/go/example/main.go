// A small web app that shows which version of itself is live. Its pages are inside the binary.
package main

import (
	"context"
	"embed"
	"encoding/json"
	"html/template"
	"log"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

//go:embed static templates
var files embed.FS

var page = template.Must(template.ParseFS(files, "templates/index.html"))

type fact struct{ Name, Value string }

func main() {
	log.SetFlags(0)
	log.SetOutput(os.Stdout)
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", home)
	pages.HandleFunc("GET /health", health)
	pages.Handle("GET /static/", http.FileServerFS(files))

	server := &http.Server{
		Addr:              ":" + or(os.Getenv("PORT"), "8000"),
		Handler:           tell(pages),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       5 * time.Minute, // longer than the proxy in front keeps an idle connection
	}
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	go func() {
		<-stopped.Done()
		server.Shutdown(context.Background())
	}()
	log.Print("Listening on ", server.Addr)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}

func home(answer http.ResponseWriter, request *http.Request) {
	message, _, _ := strings.Cut(os.Getenv("DEVPUSH_GIT_COMMIT_MESSAGE"), "\n")
	answer.Header().Set("Content-Type", "text/html; charset=utf-8")
	page.Execute(answer, map[string]any{"Message": message, "Facts": []fact{
		{"Commit", first(os.Getenv("DEVPUSH_GIT_COMMIT_SHA"), 7)},
		{"Branch", strings.TrimPrefix(os.Getenv("DEVPUSH_GIT_REF"), "refs/heads/")},
		{"Author", os.Getenv("DEVPUSH_GIT_COMMIT_AUTHOR")},
		{"Environment", os.Getenv("DEVPUSH_ENVIRONMENT")},
		{"Deployment", first(os.Getenv("DEVPUSH_DEPLOYMENT_ID"), 7)},
		{"Go", strings.TrimPrefix(runtime.Version(), "go")},
	}})
}

func health(answer http.ResponseWriter, request *http.Request) {
	answer.Header().Set("Content-Type", "application/json")
	json.NewEncoder(answer).Encode(map[string]string{"status": "ok"})
}

// tell says one line a request on standard output: this is what the Logs page shows.
func tell(next http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		began, heard := time.Now(), &listener{ResponseWriter: answer, status: http.StatusOK}
		next.ServeHTTP(heard, request)
		log.Printf("%s %s %d %.1f ms", request.Method, request.URL.Path, heard.status, float64(time.Since(began).Microseconds())/1000)
	})
}

type listener struct {
	http.ResponseWriter
	status int
}

func (heard *listener) WriteHeader(status int) {
	heard.status = status
	heard.ResponseWriter.WriteHeader(status)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func first(text string, count int) string {
	return text[:min(count, len(text))]
}
