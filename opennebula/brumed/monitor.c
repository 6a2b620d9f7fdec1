/* SPDX-License-Identifier: Apache-2.0 */
/* Monitored hosts. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "opennebula/brumed/client.h"
#include "opennebula/brumed/monitor.h"
#include "opennebula/brumed/monitor_xml.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/states.h"
#include "opennebula/brumed/watch.h"
#include "opennebula/brumed/work.h"
#include "opennebula/lib/config.h"
#include "opennebula/lib/files.h"
#include "opennebula/lib/log.h"

enum { HOSTS_MAX = 4096, MONITORD_PORT = 4124, BACK_OFF_MIN_MS = 1000, BACK_OFF_MAX_MS = 15000, SYSTEM_GAP_MS = 2000, AGAIN_MS = 5000,
       RESEND_MS = 10000, FILE_MAX = 8 << 20, TEXT_MAX = 1 << 20 };

/* Lives as long as its thread. */
struct monitored {
	struct node *node;               /* constant */
	struct monitor_wishes wishes;    /* lock */
	bool stop;                       /* lock */
	bool asked;                      /* lock; monitord asked for it once more: what it was told before does not count */
	int64_t again_at;                /* lock; with asked: the answer is a failure, after which SYSTEM_HOST shall come; 0: it is not */
	struct monitored *next;          /* lock */

	/* of its thread */
	int64_t due[MESSAGE_KINDS];      /* of work_now_ms */
	int64_t system_at;               /* SYSTEM_HOST was sent last */
	int64_t sync_due;
	struct states states;            /* that monitord was told */
	int64_t answered_at;             /* the node answered last */
	int64_t sent_time[MESSAGE_KINDS]; /* the latest X-Time of a message: an older one would be dropped */
	int64_t lost_at;                 /* since when the node does not answer; 0: it does */
	int64_t back_off;
	bool told;                       /* monitord knows that it failed */
	bool unheard;                    /* monitord did not take the last message */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct monitored *hosts;          /* lock */

/* ---- the file ---- */

static json_t *saved_json(const struct monitored *m)
{
	json_t *json = json_pack("{s:I, s:s, s:s, s:I, s:I}", "host", (json_int_t)m->wishes.host, "node", m->node->name,
				 "address", m->wishes.address, "port", (json_int_t)m->wishes.port,
				 "SYNC_STATE_VM", (json_int_t)m->wishes.sync_s);

	for (size_t i = 0; i < MESSAGE_KINDS; i++) {
		json_object_set_new(json, message_words[i], json_integer(m->wishes.period_s[i]));
	}
	return json;
}

static json_t *list_locked(void)
{
	json_t *array = json_array();

	for (const struct monitored *m = hosts; m; m = m->next) {
		if (!m->stop) {
			json_array_append_new(array, saved_json(m));
		}
	}
	return array;
}

static void save_locked(void)
{
	json_t *array = list_locked();
	char *text = json_dumps(array, JSON_INDENT(1));
	struct buffer path = { 0 };
	struct why why;

	buffer_printf(&path, "%s/monitored.json", settings.state);
	if (text && !file_replace(path.at, text, strlen(text), 0600, &why)) {
		log_error("%s", why.text);
	}
	free(text);
	json_decref(array);
	buffer_free(&path);
}

/* ---- telling monitord ---- */

static struct monitor_wishes wishes_of(struct monitored *m)
{
	struct monitor_wishes w;

	pthread_mutex_lock(&lock);
	w = m->wishes;
	pthread_mutex_unlock(&lock);
	return w;
}

static bool is_stopped(struct monitored *m)
{
	bool stop;

	pthread_mutex_lock(&lock);
	stop = m->stop;
	pthread_mutex_unlock(&lock);
	return stop || work_stopping();
}

/* Where monitord is. brumed runs beside it, so that the address for agents elsewhere does not matter. */
static const char *address_of(const struct monitor_wishes *w)
{
	static const char *const any[] = { "", "::", "0.0.0.0", "auto" };

	if (strcmp(settings.monitord_address, "auto") != 0) {
		return settings.monitord_address;
	}
	for (size_t i = 0; i < ARRAY_SIZE(any); i++) {
		if (strcmp(w->address, any[i]) == 0) {
			return "127.0.0.1";
		}
	}
	return w->address;
}

static long port_of(const struct monitor_wishes *w)
{
	return settings.monitord_port ? settings.monitord_port : w->port ? w->port : MONITORD_PORT;
}

/* Monitord listens again after it did not: what was under way may be lost. */
static void on_heard(struct monitored *m, long host)
{
	if (m->unheard) {
		log_info("host %ld (%s): monitord listens again", host, m->node->name);
		m->unheard = false;
		states_forget(&m->states);
		m->sync_due = 0;
	}
}

/* False: monitord did not take it. */
static bool tell(struct monitored *m, enum message_kind kind, bool success, int64_t time, const char *text)
{
	struct monitor_wishes w = wishes_of(m);
	struct buffer message = { 0 };
	struct why why;
	bool good;

	message_format(&message, kind, success, w.host, time, text);
	good = message_send(address_of(&w), port_of(&w), kind, &message, &why);
	if (!good && !m->unheard) {
		log_warning("host %ld (%s): %s", w.host, m->node->name, why.text);
		m->unheard = true;
	} else if (good && message_is_stream(kind, &message)) {
		/* A datagram goes out whoever listens. */
		on_heard(m, w.host);
	}
	buffer_free(&message);
	return good;
}

/* ---- asking the node ---- */

/* Asks for a text. True: the node answered, and call.status says what. */
static bool ask(struct node *node, enum message_kind kind, struct client_call *call)
{
	*call = (struct client_call){ .method = "GET", .path = message_paths[kind], .timeout_s = settings.request_s, .limit = TEXT_MAX };
	if (!client_call(node, CLIENT_REQUEST, call)) {
		buffer_free(&call->answer);
		return false;
	}
	if (kind == MESSAGE_SYSTEM_HOST && call->status == 200) {
		message_add_version(&call->answer);
	}
	return true;
}

static void on_lost(struct monitored *m, const struct why *why)
{
	int64_t now = work_now_ms();

	if (work_stopping()) {
		return;
	}
	if (m->lost_at == 0) {
		m->lost_at = now;
		m->back_off = BACK_OFF_MIN_MS;
	}
	if (!m->told && now - m->lost_at >= 1000 * settings.lost_s) {
		/* Time 0: whatever the node's clock said, monitord takes it. */
		m->told = tell(m, MESSAGE_MONITOR_HOST, false, 0, why->text);
	}
	m->due[MESSAGE_SYSTEM_HOST] = now + m->back_off;
	m->back_off = m->back_off * 2 > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : m->back_off * 2;
}

static void on_answered(struct monitored *m)
{
	m->answered_at = work_now_ms();
	if (m->lost_at != 0) {
		m->lost_at = 0;
		m->told = false;
		m->sync_due = 0;
		states_forget(&m->states);
		for (size_t i = 0; i < MESSAGE_KINDS; i++) {
			m->due[i] = 0;
		}
	}
}

/* monitord drops what is older than what it has heard already, but for time 0: a clock may have been set back. */
static int64_t time_for(struct monitored *m, enum message_kind kind, int64_t time)
{
	if (time < m->sent_time[kind]) {
		return 0;
	}
	m->sent_time[kind] = time;
	return time;
}

/* Sends what is new of the states of VMs, or all of it where that is due. */
static bool send_states(struct monitored *m, const struct client_call *call, const struct monitor_wishes *w)
{
	const char *text = buffer_string(&call->answer);
	int64_t now = work_now_ms();
	bool whole = now >= m->sync_due, good = true;
	struct buffer news = { 0 };

	states_choose(&m->states, text, now, whole, &news);
	if (whole) {
		message_add_sync(&news);
	}
	if (news.len > 0) {
		good = tell(m, MESSAGE_STATE_VM, true, time_for(m, MESSAGE_STATE_VM, call->time), buffer_string(&news));
	}
	if (good) {
		states_said(&m->states, text, now);
		m->sync_due = whole ? now + 1000 * w->sync_s : m->sync_due;
	}
	buffer_free(&news);
	return good;
}

/* It answers, but will not tell what it is: brumed's certificate has the role no more, or something else listens there. */
static bool is_refusal(enum message_kind kind, long status)
{
	return status == 403 || (kind == MESSAGE_SYSTEM_HOST && status != 200 && status != 503);
}

/* Sends one kind of message; false: the node does not answer, or refuses. */
static bool send_kind(struct monitored *m, enum message_kind kind, const struct monitor_wishes *w)
{
	int64_t now = work_now_ms();
	struct client_call call;
	bool good = true;

	if (!ask(m->node, kind, &call)) {
		on_lost(m, &call.why);
		return false;
	}
	if (is_refusal(kind, call.status)) {
		client_explain(m->node, &call);
		on_lost(m, &call.why);
		buffer_free(&call.answer);
		return false;
	}
	on_answered(m);
	m->due[kind] = now + 1000 * w->period_s[kind];
	if (call.status != 200) {
		/* Such as 503 while the node does not know its VMs yet: nothing is said. */
		m->due[kind] = now + (w->period_s[kind] < 2 ? 1000 : 2000);
	} else if (kind == MESSAGE_STATE_VM) {
		good = send_states(m, &call, w);
	} else if (call.answer.len > 0) {
		good = tell(m, kind, true, time_for(m, kind, call.time), buffer_string(&call.answer));
	}
	if (!good && m->due[kind] > now + RESEND_MS) {
		m->due[kind] = now + RESEND_MS;
	}
	buffer_free(&call.answer);
	return true;
}

/* That the node lives is known from its other answers, or asked for. */
static bool send_beacon(struct monitored *m, const struct monitor_wishes *w)
{
	int64_t now = work_now_ms();
	char text[32];

	if (now - m->answered_at > 1000 * w->period_s[MESSAGE_BEACON_HOST] / 2 && !send_kind(m, MESSAGE_STATE_VM, w)) {
		return false;
	}
	m->due[MESSAGE_BEACON_HOST] = now + 1000 * w->period_s[MESSAGE_BEACON_HOST];
	snprintf(text, sizeof(text), "%lld", (long long)time(NULL));
	tell(m, MESSAGE_BEACON_HOST, true, 0, text);
	return true;
}

/* Sends what is due. While the node is lost only SYSTEM_HOST is tried. */
static void send_due(struct monitored *m)
{
	struct monitor_wishes w = wishes_of(m);

	for (enum message_kind kind = 0; kind < MESSAGE_KINDS; kind++) {
		if (work_now_ms() < m->due[kind] || (m->lost_at != 0 && kind != MESSAGE_SYSTEM_HOST)) {
			continue;
		}
		if (kind == MESSAGE_BEACON_HOST ? !send_beacon(m, &w) : !send_kind(m, kind, &w)) {
			return;
		}
		if (kind == MESSAGE_SYSTEM_HOST) {
			m->system_at = work_now_ms();
		}
	}
}

static int64_t next_due(const struct monitored *m)
{
	int64_t next = m->due[MESSAGE_SYSTEM_HOST];

	for (size_t i = 0; m->lost_at == 0 && i < MESSAGE_KINDS; i++) {
		next = m->due[i] < next ? m->due[i] : next;
	}
	return next;
}

/* What monitord was told through its driver may be news for the thread: of a failed host all VMs are unknown. */
static void take_again(struct monitored *m)
{
	int64_t at;
	bool asked;

	pthread_mutex_lock(&lock);
	asked = m->asked;
	at = m->again_at;
	m->asked = false;
	m->again_at = 0;
	pthread_mutex_unlock(&lock);
	if (asked) {
		m->due[MESSAGE_SYSTEM_HOST] = at != 0 ? at : m->due[MESSAGE_SYSTEM_HOST];
		m->due[MESSAGE_STATE_VM] = at;
		m->sync_due = 0;
		states_forget(&m->states);
	}
}

/* Something changed on the node: VMs, and what they or their disks leave free. */
static void on_changed(struct monitored *m)
{
	int64_t system = m->system_at + SYSTEM_GAP_MS;

	if (m->lost_at == 0) {
		m->due[MESSAGE_STATE_VM] = 0;
		if (system < m->due[MESSAGE_SYSTEM_HOST]) {
			m->due[MESSAGE_SYSTEM_HOST] = system;
		}
	}
}

static void unlink_locked(struct monitored *m)
{
	for (struct monitored **at = &hosts; *at; at = &(*at)->next) {
		if (*at == m) {
			*at = m->next;
			return;
		}
	}
}

static void run(void *argument)
{
	struct monitored *m = argument;
	unsigned long seen = watch_count(m->node->watch);

	while (!is_stopped(m)) {
		if (watch_wait(m->node->watch, &seen, next_due(m))) {
			on_changed(m);
		}
		take_again(m);
		if (!is_stopped(m)) {
			send_due(m);
		}
	}
	pthread_mutex_lock(&lock);
	unlink_locked(m);
	pthread_mutex_unlock(&lock);
	states_forget(&m->states);
	free(m);
}

/* ---- beginning and ending ---- */

static void stop_locked(struct monitored *m)
{
	if (!m->stop) {
		m->stop = true;
		watch_tell(m->node->watch);
		log_info("host %ld (%s): not monitored any more", m->wishes.host, m->node->name);
	}
}

static struct monitored *find_locked(long host, const struct node *node)
{
	for (struct monitored *m = hosts; m; m = m->next) {
		if (!m->stop && m->wishes.host == host && m->node == node) {
			return m;
		}
	}
	return NULL;
}

/* One host has one node, and one node is one host: OpenNebula's names are unique, and the last word counts. */
static void stop_others_locked(long host, const struct node *node)
{
	for (struct monitored *m = hosts; m; m = m->next) {
		if ((m->wishes.host == host) != (m->node == node)) {
			stop_locked(m);
		}
	}
}

/* Its first messages are due after their periods: who asked has just been told all of it. */
static void set_due(struct monitored *m, bool told)
{
	int64_t now = work_now_ms();

	m->answered_at = told ? now : 0;
	m->system_at = m->answered_at;
	for (size_t i = 0; told && i < MESSAGE_KINDS; i++) {
		m->due[i] = now + 1000 * m->wishes.period_s[i];
	}
	m->due[MESSAGE_STATE_VM] = 0;
	m->due[MESSAGE_BEACON_HOST] = 0;
}

/* told: monitord has its first messages; else it is told that the host failed, if it was monitored before. */
static bool begin_locked(struct node *node, const struct monitor_wishes *w, bool told)
{
	struct monitored *m = find_locked(w->host, node);
	size_t count = 0;

	stop_others_locked(w->host, node);
	if (m) {
		m->wishes = *w;
		m->asked = true;
		m->again_at = told ? 0 : work_now_ms() + AGAIN_MS;
		watch_tell(node->watch);
		return true;
	}
	for (const struct monitored *i = hosts; i; i = i->next) {
		count++;
	}
	m = memory_new(sizeof(*m));
	m->node = node;
	m->wishes = *w;
	set_due(m, told);
	if (count >= HOSTS_MAX || !work_start(run, m)) {
		free(m);
		return false;
	}
	m->next = hosts;
	hosts = m;
	log_info("host %ld (%s): monitored", w->host, node->name);
	return true;
}

static bool load_row(json_t *row)
{
	struct monitor_wishes w;
	const char *name = json_string_value(json_object_get(row, "node"));
	const char *address = json_string_value(json_object_get(row, "address"));
	struct node *node;
	json_int_t sync;
	struct why why;

	monitor_wishes_init(&w);
	node = name ? nodes_get(name, &why) : NULL;
	if (!node || !json_is_integer(json_object_get(row, "host"))) {
		return false;
	}
	w.host = (long)json_integer_value(json_object_get(row, "host"));
	w.port = (long)json_integer_value(json_object_get(row, "port"));
	snprintf(w.name, sizeof(w.name), "%s", name);
	snprintf(w.address, sizeof(w.address), "%s", address ? address : "");
	for (size_t i = 0; i < MESSAGE_KINDS; i++) {
		json_int_t period = json_integer_value(json_object_get(row, message_words[i]));

		w.period_s[i] = period >= 1 && period <= MONITOR_PERIOD_MAX_S ? (long)period : w.period_s[i];
	}
	sync = json_integer_value(json_object_get(row, "SYNC_STATE_VM"));
	w.sync_s = sync >= 1 && sync <= MONITOR_PERIOD_MAX_S ? (long)sync : w.sync_s;
	return begin_locked(node, &w, false);
}

bool monitor_load(struct why *why)
{
	struct buffer path = { 0 }, text = { 0 };
	json_t *array = NULL;
	bool good = true;

	buffer_printf(&path, "%s/monitored.json", settings.state);
	if (access(path.at, F_OK) == 0 || errno != ENOENT) {
		good = file_read(path.at, FILE_MAX, &text, why);
		array = good ? json_loadb(buffer_string(&text), text.len, 0, NULL) : NULL;
		pthread_mutex_lock(&lock);
		for (size_t i = 0; good && i < json_array_size(array); i++) {
			good = load_row(json_array_get(array, i));
		}
		pthread_mutex_unlock(&lock);
		good = (good && json_is_array(array)) || why_set(why, "%s is not what brumed wrote", path.at);
	}
	json_decref(array);
	buffer_free(&path);
	buffer_free(&text);
	return good;
}

void monitor_free(void)
{
	while (hosts) {
		struct monitored *m = hosts;

		hosts = m->next;
		free(m);
	}
}

void monitor_forget(const char *name)
{
	pthread_mutex_lock(&lock);
	for (struct monitored *m = hosts; m; m = m->next) {
		if (strcasecmp(m->node->name, name) == 0) {
			stop_locked(m);
		}
	}
	save_locked();
	pthread_mutex_unlock(&lock);
}

/* ---- requests ---- */

/* The answer to START_MONITOR: all messages that the node can fill now. False: it cannot even say what it is. */
static bool first_messages(struct node *node, struct buffer *xml, struct why *why)
{
	static const enum message_kind kinds[] = { MESSAGE_SYSTEM_HOST, MESSAGE_MONITOR_HOST, MESSAGE_STATE_VM, MESSAGE_MONITOR_VM };
	int64_t time = 0;

	buffer_text(xml, "<MONITOR_MESSAGES>");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct client_call call;
		bool good = ask(node, kinds[i], &call);

		if (good && call.status == 200) {
			message_add_element(xml, kinds[i], buffer_string(&call.answer));
			time = call.time;
		} else if (!good || kinds[i] == MESSAGE_SYSTEM_HOST) {
			client_explain(node, &call);
			buffer_free(&call.answer);
			*why = call.why;
			return false;
		}
		buffer_free(&call.answer);
	}
	buffer_printf(xml, "<TIMESTAMP>%lld</TIMESTAMP></MONITOR_MESSAGES>", (long long)time);
	return true;
}

static void start(struct request *request, struct reply *reply, long host)
{
	struct monitor_wishes wishes;
	struct buffer xml = { 0 };
	struct node *node;
	struct why why;
	bool good;

	if (!monitor_xml_parse(buffer_string(&request->body), request->body.len, &wishes, &why)) {
		reply_error(reply, 400, "%s", why.text);
		return;
	}
	node = nodes_get(wishes.name, &why);
	if (!node || (wishes.host >= 0 && wishes.host != host)) {
		reply_error(reply, 400, "%s", node ? "the request is about another host" : why.text);
		return;
	}
	wishes.host = host;
	good = first_messages(node, &xml, &why);
	pthread_mutex_lock(&lock);
	/* One that fails is monitored only if it was before: then it is told of when it is back. monitord asks again for the others. */
	if (good || find_locked(host, node)) {
		if (!begin_locked(node, &wishes, good)) {
			good = why_set(&why, "brumed monitors as many hosts as it can");
		}
		save_locked();
	}
	pthread_mutex_unlock(&lock);
	if (good) {
		*reply = (struct reply){ .status = 200, .body = xml, .type = "application/xml" };
	} else {
		buffer_free(&xml);
		reply_error(reply, 502, "%s", why.text);
	}
}

void monitor_answer_start(struct request *request, struct reply *reply)
{
	long host;

	if (!config_number(request->words[0], 0, INT32_MAX, &host)) {
		reply_error(reply, 400, "'%s' is no number of a host", request->words[0]);
		return;
	}
	start(request, reply, host);
}

void monitor_answer_stop(struct request *request, struct reply *reply)
{
	long host;

	if (!config_number(request->words[0], 0, INT32_MAX, &host)) {
		reply_error(reply, 400, "'%s' is no number of a host", request->words[0]);
		return;
	}
	pthread_mutex_lock(&lock);
	for (struct monitored *m = hosts; m; m = m->next) {
		if (m->wishes.host == host) {
			stop_locked(m);
		}
	}
	save_locked();
	pthread_mutex_unlock(&lock);
	reply_json(reply, 200, json_object());
}

void monitor_answer_list(struct request *request, struct reply *reply)
{
	json_t *array;

	(void)request;
	pthread_mutex_lock(&lock);
	array = list_locked();
	pthread_mutex_unlock(&lock);
	reply_json(reply, 200, array);
}
