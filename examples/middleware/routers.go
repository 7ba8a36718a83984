package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"
)

// Chi returns a router of chi with the access log and a WebSocket at path. chi's middlewares are
// those of net/http.
func Chi(l *AccessLog, path string, socket http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(l.Middleware)
	r.Method(http.MethodGet, path, socket)
	return r
}

// Gin returns a router of gin with the access log and a WebSocket at path.
func Gin(l *AccessLog, path string, socket http.Handler) http.Handler {
	r := gin.New()
	r.Use(func(c *gin.Context) {
		var e *entry
		c.Request, e = begin(c.Request)
		c.Next()
		l.answered(e, c.Writer.Status())
	})
	r.GET(path, gin.WrapH(socket))
	return r
}

// Echo returns a router of echo with the access log and a WebSocket at path.
func Echo(l *AccessLog, path string, socket http.Handler) http.Handler {
	r := echo.New()
	r.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			req, e := begin(c.Request())
			c.SetRequest(req)
			err := next(c)
			if err != nil {
				c.Error(err) // sends the response, so that the status is known
			}
			l.answered(e, c.Response().Status)
			return nil
		}
	})
	r.GET(path, echo.WrapHandler(socket))
	return r
}
