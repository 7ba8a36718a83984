/*
 * A peer on libwebsockets. Commands come by lines, and text messages that begin
 * with "/" ask for more than an echo: see the README beside the tests.
 *
 * Messages are gathered whole and sent back from the writeable callback, since
 * the library writes from nowhere else.
 */
#include <fcntl.h>
#include <libwebsockets.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE 1000 /* bytes of a fragment */

enum kind { TEXT, BINARY, PING, CLOSE };

/* What waits to be sent. */
struct item {
	struct item *next;
	enum kind kind;
	int fragments;
	int code; /* of CLOSE */
	size_t len, sent;
	unsigned char data[]; /* LWS_PRE bytes of room, then the payload */
};

/* A connection. */
struct talk {
	unsigned char *got;
	size_t len, size;
	int fragments; /* of the next message */
	int code;      /* of the end, 0: none yet */
	char reason[124];
	struct item *first, **last;
	struct item *out; /* whose bytes the library may still be compressing */
};

static struct lws_context *context;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char command[1024]; /* a line that waits for the loop; empty: none */
static int ended;

static void queue(struct lws *wsi, struct talk *t, enum kind kind, const void *p, size_t len, int code)
{
	struct item *i = malloc(sizeof *i + LWS_PRE + len);

	if (!i)
		exit(1);
	memset(i, 0, sizeof *i);
	i->kind = kind;
	i->len = len;
	i->code = code;
	i->fragments = t->fragments && (kind == TEXT || kind == BINARY);
	if (len)
		memcpy(i->data + LWS_PRE, p, len);
	*t->last = i;
	t->last = &i->next;
	lws_callback_on_writable(wsi);
}

static void message(struct lws *wsi, struct talk *t, int binary)
{
	char text[201] = "", *reason;
	int code;

	if (!binary && t->len < sizeof text) {
		memcpy(text, t->got, t->len);
		text[t->len] = 0;
	}
	if (!strcmp(text, "/fragments")) {
		t->fragments = 1;
		return;
	}
	if (!strncmp(text, "/ping ", 6)) {
		queue(wsi, t, PING, text + 6, strlen(text + 6), 0);
	} else if (!strncmp(text, "/close ", 7)) {
		code = (int)strtol(text + 7, &reason, 10);
		reason += *reason == ' ';
		queue(wsi, t, CLOSE, reason, strlen(reason), code);
	} else {
		queue(wsi, t, binary ? BINARY : TEXT, t->got, t->len, 0);
		t->fragments = 0;
	}
}

/* Sends a part of what waits; -1 ends the connection. */
static int writeable(struct lws *wsi, struct talk *t)
{
	struct item *i = t->first;
	unsigned char *p;
	size_t n, left;
	int flags, opcode;

	free(t->out); /* the library is done with it when it calls again */
	t->out = NULL;
	if (!i)
		return 0;
	p = i->data + LWS_PRE;
	if (i->kind == CLOSE) {
		lws_close_reason(wsi, (enum lws_close_status)i->code, p, i->len);
		t->code = i->code;
		snprintf(t->reason, sizeof t->reason, "%.*s", (int)i->len, (char *)p);
		return -1;
	}
	left = i->len - i->sent;
	n = left;
	if (i->fragments && n > PIECE)
		n = PIECE;
	opcode = i->kind == PING ? LWS_WRITE_PING : i->kind == TEXT ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
	flags = i->kind == PING ? LWS_WRITE_PING : lws_write_ws_flags(opcode, i->sent == 0, n == left);
	if (lws_write(wsi, p + i->sent, n, (enum lws_write_protocol)flags) < (int)n)
		return -1;
	i->sent += n;
	if (i->sent == i->len) {
		t->first = i->next;
		if (!t->first)
			t->last = &t->first;
		t->out = i;
	}
	if (t->first)
		lws_callback_on_writable(wsi);
	return 0;
}

static void gather(struct talk *t, const void *p, size_t len)
{
	if (t->len + len > t->size) {
		t->size = (t->len + len) * 2;
		t->got = realloc(t->got, t->size);
		if (!t->got)
			exit(1);
	}
	memcpy(t->got + t->len, p, len);
	t->len += len;
}

static int callback(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t len)
{
	struct talk *t = user;
	char pong[140];

	switch (why) {
	case LWS_CALLBACK_ESTABLISHED:
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		memset(t, 0, sizeof *t);
		t->last = &t->first;
		printf("open %s\n", lws_get_protocol(wsi)->name);
		break;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		printf("failed %s\n", in ? (char *)in : "");
		break;
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_CLIENT_RECEIVE:
		gather(t, in, len);
		if (lws_is_final_fragment(wsi)) {
			message(wsi, t, lws_frame_is_binary(wsi));
			t->len = 0;
		}
		break;
	case LWS_CALLBACK_RECEIVE_PONG:
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		queue(wsi, t, TEXT, pong, (size_t)snprintf(pong, sizeof pong, "pong %.*s", (int)len, (char *)in), 0);
		break;
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return writeable(wsi, t);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		t->code = len >= 2 ? ((unsigned char *)in)[0] << 8 | ((unsigned char *)in)[1] : 1005;
		snprintf(t->reason, sizeof t->reason, "%.*s", len > 2 ? (int)len - 2 : 0, (char *)in + 2);
		break;
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLIENT_CLOSED:
		printf("closed %d %s\n", t->code ? t->code : 1006, t->reason);
		free(t->got);
		free(t->out);
		for (struct item *i = t->first, *next; i; i = next) {
			next = i->next;
			free(i);
		}
		break;
	default:
		break;
	}
	return 0;
}

static const struct lws_protocols protocols[] = {
	{ "chat", callback, sizeof(struct talk), 65536, 0, NULL, 0 },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

static const struct lws_extension extensions[] = {
	{ "permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate; client_max_window_bits" },
	{ NULL, NULL, NULL },
};

static void serve(int deflate)
{
	struct lws_context_creation_info info = {
		.port = 0, .iface = "127.0.0.1", .protocols = protocols, .vhost_name = "served",
		.extensions = deflate ? extensions : NULL,
	};
	struct lws_vhost *vhost = lws_create_vhost(context, &info);

	if (!vhost)
		exit(1);
	printf("listening %d\n", lws_get_vhost_listen_port(vhost));
}

static void dial(const char *url, int deflate)
{
	static char copy[1024];
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN, .protocols = protocols, .vhost_name = "client",
		.extensions = deflate ? extensions : NULL,
		.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT, .client_ssl_ca_filepath = getenv("SSL_CERT_FILE"),
	};
	struct lws_client_connect_info i = { .context = context, .protocol = "chat", .local_protocol_name = "chat" };
	const char *scheme, *path;
	char whole[1024];

	snprintf(copy, sizeof copy, "%s", url);
	if (lws_parse_uri(copy, &scheme, &i.address, &i.port, &path))
		exit(1);
	snprintf(whole, sizeof whole, "/%s", path);
	i.path = whole;
	i.host = i.origin = i.address;
	if (!strcmp(scheme, "wss"))
		i.ssl_connection = LCCSCF_USE_SSL;
	i.vhost = lws_create_vhost(context, &info);
	if (!i.vhost || !lws_client_connect_via_info(&i))
		printf("failed\n");
}

/* Reads lines on a thread of its own and wakes the loop for each. */
static void *lines(void *unused)
{
	char line[1024];

	(void)unused;
	while (fgets(line, sizeof line, stdin)) {
		pthread_mutex_lock(&mutex);
		memcpy(command, line, sizeof line);
		pthread_mutex_unlock(&mutex);
		lws_cancel_service(context);
		for (int waits = 1; waits; usleep(1000)) {
			pthread_mutex_lock(&mutex);
			waits = command[0] != 0;
			pthread_mutex_unlock(&mutex);
		}
	}
	ended = 1;
	lws_cancel_service(context);
	return NULL;
}

static void obey(void)
{
	char line[1024], *verb, *word, *url = NULL;
	int deflate = 0;

	pthread_mutex_lock(&mutex);
	memcpy(line, command, sizeof line);
	command[0] = 0;
	pthread_mutex_unlock(&mutex);
	verb = strtok(line, " \n");
	if (!verb)
		return;
	if (!strcmp(verb, "connect"))
		url = strtok(NULL, " \n");
	while ((word = strtok(NULL, " \n")))
		deflate |= !strcmp(word, "deflate");
	if (url)
		dial(url, deflate);
	else
		serve(deflate);
}

int main(int argc, char **argv)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN, .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
		.pt_serv_buf_size = 1 << 17,
	};
	pthread_t thread;

	if (argc > 1 && !strcmp(argv[1], "version"))
		return puts(lws_get_library_version()) < 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
	context = lws_create_context(&info);
	if (!context || pthread_create(&thread, NULL, lines, NULL))
		return 1;
	while (!ended && lws_service(context, 0) >= 0)
		obey();
	return 0;
}
