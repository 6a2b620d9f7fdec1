/* SPDX-License-Identifier: Apache-2.0 */
/* Client of brumed's local API, by libcurl. */
#include <curl/curl.h>
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "opennebula/lib/local.h"
#include "opennebula/lib/paths.h"

enum { ANSWER_MAX = 64 << 20, CONNECT_MS = 5000 };

struct call {
	CURL *curl;
	const struct local_stream *stream;   /* or NULL */
	struct buffer body;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t on_body(char *bytes, size_t one, size_t len, void *context)
{
	struct call *call = context;
	long status = 0;

	(void)one;
	curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
	if (call->stream && call->stream->write && status >= 200 && status < 300) {
		return call->stream->write(call->stream->context, bytes, len) ? len : 0;
	}
	if (call->body.len + len > ANSWER_MAX) {
		return 0;
	}
	buffer_add(&call->body, bytes, len);
	return len;
}

static size_t on_read(char *to, size_t one, size_t size, void *context)
{
	struct call *call = context;
	long n = call->stream->read(call->stream->context, to, one * size);

	return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
}

static struct curl_slist *header_list(const char *const headers[])
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	for (size_t i = 0; headers && headers[i]; i++) {
		list = curl_slist_append(list, headers[i]);
	}
	return list;
}

static void set_up(struct call *call, const char *method, const char *url, const char *socket, long timeout_s)
{
	CURL *curl = call->curl;

	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (strcmp(method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static bool finish(struct call *call, CURLcode result, const char *socket, struct local_answer *answer)
{
	if (result == CURLE_COULDNT_CONNECT) {
		long error = 0;

		curl_easy_getinfo(call->curl, CURLINFO_OS_ERRNO, &error);
		buffer_free(&call->body);
		buffer_printf(&call->body, "brumed does not answer at %s: %s", socket, error ? strerror((int)error) : curl_easy_strerror(result));
	} else if (result != CURLE_OK) {
		buffer_free(&call->body);
		buffer_printf(&call->body, "%s at %s: %s", result == CURLE_PARTIAL_FILE || result == CURLE_RECV_ERROR ? "the answer of brumed broke off" :
			      "brumed does not answer", socket, curl_easy_strerror(result));
	} else {
		curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &answer->status);
	}
	answer->len = call->body.len;
	answer->body = buffer_take(&call->body);
	return answer->status >= 200 && answer->status < 300;
}

static bool run(struct call *call, const char *method, const char *path, const char *const headers[], const void *body, size_t len,
		long timeout_s, struct local_answer *answer)
{
	struct curl_slist *list = header_list(headers);
	char socket[ONE_PATH_MAX];
	struct buffer url = { 0 };
	bool good;

	*answer = (struct local_answer){ 0 };
	buffer_printf(&url, "http://brumed%s", path);
	if (!one_path_socket(socket)) {
		socket[0] = 0;
	}
	set_up(call, method, url.at, socket, timeout_s);
	curl_easy_setopt(call->curl, CURLOPT_HTTPHEADER, list);
	if (call->stream && call->stream->read) {
		curl_easy_setopt(call->curl, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(call->curl, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(call->curl, CURLOPT_READDATA, call);
		curl_easy_setopt(call->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->stream->size);
	} else if (body) {
		curl_easy_setopt(call->curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(call->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	}
	good = finish(call, curl_easy_perform(call->curl), socket, answer);
	curl_slist_free_all(list);
	buffer_free(&url);
	return good;
}

static bool call_with(const struct local_stream *stream, const char *method, const char *path, const char *const headers[],
		      const void *body, size_t len, long timeout_s, struct local_answer *answer)
{
	struct call call = { .stream = stream };
	bool good;

	pthread_once(&once, start_curl);
	call.curl = curl_easy_init();
	if (!call.curl) {
		*answer = (struct local_answer){ .body = memory_copy_text("libcurl does not start") };
		return false;
	}
	good = run(&call, method, path, headers, body, len, timeout_s, answer);
	curl_easy_cleanup(call.curl);
	return good;
}

bool local_call(const char *method, const char *path, const char *const headers[], const void *body, size_t len,
		long timeout_s, struct local_answer *answer)
{
	return call_with(NULL, method, path, headers, body, len, timeout_s, answer);
}

bool local_call_stream(const char *method, const char *path, const char *const headers[],
		       const struct local_stream *stream, long timeout_s, struct local_answer *answer)
{
	return call_with(stream, method, path, headers, NULL, 0, timeout_s, answer);
}

void local_answer_free(struct local_answer *answer)
{
	free(answer->body);
	*answer = (struct local_answer){ 0 };
}

void local_answer_error(const struct local_answer *answer, struct why *why)
{
	json_t *json = json_loadb(answer->body, answer->len, 0, NULL);
	const char *error = json_string_value(json_object_get(json, "error"));

	if (error) {
		why_set(why, "%s", error);
	} else if (answer->len > 0) {
		why_set(why, "%.400s", answer->body);
	} else {
		why_set(why, "brumed answered %ld", answer->status);
	}
	json_decref(json);
}

int local_connect(struct why *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[ONE_PATH_MAX];
	int fd;

	if (!one_path_socket(path) || strlen(path) >= sizeof(address.sun_path)) {
		why_set(why, "the path of brumed's socket is too long");
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		why_set(why, "brumed does not answer at %s: %s", path, strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		return -1;
	}
	return fd;
}

void local_escape(struct buffer *to, const char *text)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || strchr("-_.~", *text)) {
			buffer_add(to, text, 1);
		} else {
			buffer_printf(to, "%%%02X", (unsigned char)*text);
		}
	}
}
