/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MC146818A real-time clock. Motorola MC146818A data sheet.
 *
 * Nothing ticks: the time is computed from vm_now() when it is read, the flags of register C when they are looked
 * at, and a timer is armed only for the next event that shall interrupt and has not yet set its flag. So a guest
 * that does not acknowledge gets no further interrupts, and costs nothing.
 */
#include "vmm/platform.h"
#include "vmm/rtc.h"
#include "vmm/regs.h"
#include "vmm/ticks.h"

enum {
	SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR,
	REG_A, REG_B, REG_C, REG_D,
	EQUIPMENT = 0x14, BASE_KIB = 0x15, EXT_KIB = 0x17, EXT_KIB_2 = 0x30,
	ABOVE_16M = 0x34, ABOVE_4G = 0x5b,
};
enum { A_UIP = 1 << 7, A_DIVIDER_RESET = 0x60, A_RATE = 0x0f, A_DEFAULT = 0x26 };
enum { B_SET = 1 << 7, B_PIE = 1 << 6, B_AIE = 1 << 5, B_UIE = 1 << 4, B_BINARY = 1 << 2, B_24H = 1 << 1 };
enum { C_IRQF = 1 << 7, C_PF = B_PIE, C_AF = B_AIE, C_UF = B_UIE, C_FLAGS = C_PF | C_AF | C_UF };
enum { D_VALID = 1 << 7 };
enum { ANY = 0xc0, PM = 0x80 };
enum { DAY_S = 86400, HOUR_S = 3600, MINUTE_S = 60 };
enum { UPDATE_NS = 244000 + 1984000 };       /* UIP is seen this long before each update             */
enum { PERIODIC_HZ = 32768 };

/* ---- calendar ---- */

struct date { int64_t year; unsigned month, day; };

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Days since 1970-01-01; years begin in March so that the leap day is the last one. Takes any month and day. */
static int64_t days_of(struct date d)
{
	int64_t y = d.month < 3 ? d.year - 1 : d.year;
	int64_t m = d.month < 3 ? d.month + 9 : d.month - 3;

	return 365 * y + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400) + (153 * m + 2) / 5 + d.day - 719469;
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static struct date date_of(int64_t days)
{
	int64_t left = days + 719468;        /* since 0000-03-01 */
	int64_t era = floor_div(left, 146097), century, olympiad, year, month;

	left -= era * 146097;
	century = min64(left / 36524, 3);
	left -= century * 36524;
	olympiad = left / 1461;
	left %= 1461;
	year = min64(left / 365, 3);
	left -= year * 365;
	month = (5 * left + 2) / 153;
	return (struct date){
		.year = era * 400 + century * 100 + olympiad * 4 + year + (month >= 10),
		.month = (unsigned)(month < 10 ? month + 3 : month - 9),
		.day = (unsigned)(left - (153 * month + 2) / 5 + 1),
	};
}

/* ---- forms of the time bytes ---- */

static uint8_t encode(const struct rtc *rtc, unsigned v)
{
	return (uint8_t)(rtc->cmos[REG_B] & B_BINARY ? v : v / 10 % 10 << 4 | v % 10);
}

static unsigned decode(const struct rtc *rtc, uint8_t v)
{
	return rtc->cmos[REG_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static uint8_t encode_hour(const struct rtc *rtc, unsigned hour)
{
	if (rtc->cmos[REG_B] & B_24H) {
		return encode(rtc, hour);
	}
	return (uint8_t)(encode(rtc, (hour + 11) % 12 + 1) | (hour >= 12 ? PM : 0));
}

static unsigned decode_hour(const struct rtc *rtc, uint8_t v)
{
	if (rtc->cmos[REG_B] & B_24H) {
		return decode(rtc, v);
	}
	return decode(rtc, v & 0x7f) % 12 + (v & PM ? 12 : 0);
}

static void time_to_cmos(const struct rtc *rtc, int64_t s, uint8_t cmos[CMOS_SIZE])
{
	int64_t days = floor_div(s, DAY_S);
	unsigned in_day = (unsigned)(s - days * DAY_S);
	struct date d = date_of(days);

	cmos[SECONDS] = encode(rtc, in_day % 60);
	cmos[MINUTES] = encode(rtc, in_day / 60 % 60);
	cmos[HOURS] = encode_hour(rtc, in_day / HOUR_S);
	cmos[WEEKDAY] = encode(rtc, (unsigned)(days + 4 - floor_div(days + 4, 7) * 7) + 1);
	cmos[DAY] = encode(rtc, d.day);
	cmos[MONTH] = encode(rtc, d.month);
	cmos[YEAR] = encode(rtc, (unsigned)(d.year - floor_div(d.year, 100) * 100));
	cmos[RTC_CENTURY] = encode(rtc, (unsigned)floor_div(d.year, 100) & 0x7f);
}

/* Bytes out of range give a time out of range, which is another time: no byte can do harm. */
static int64_t time_from_cmos(const struct rtc *rtc, const uint8_t cmos[CMOS_SIZE])
{
	struct date d = {
		.year = decode(rtc, cmos[RTC_CENTURY]) * 100 + decode(rtc, cmos[YEAR]),
		.month = decode(rtc, cmos[MONTH]),
		.day = decode(rtc, cmos[DAY]),
	};

	return days_of(d) * DAY_S + decode_hour(rtc, cmos[HOURS]) * HOUR_S + decode(rtc, cmos[MINUTES]) * MINUTE_S +
	       decode(rtc, cmos[SECONDS]);
}

/* ---- the running clock ---- */

static bool is_running(const struct rtc *rtc)
{
	return !(rtc->cmos[REG_B] & B_SET) && (rtc->cmos[REG_A] & A_DIVIDER_RESET) != A_DIVIDER_RESET;
}

/* base_ns may lie before the VM's birth; the difference is right all the same. */
static int64_t time_at(const struct rtc *rtc, uint64_t now)
{
	return rtc->base_s + (int64_t)((now - rtc->base_ns) / NS_PER_S);
}

static uint64_t ns_of(const struct rtc *rtc, int64_t s)
{
	return rtc->base_ns + (uint64_t)(s - rtc->base_s) * NS_PER_S;
}

/* Shift that makes the interrupt rate from 32768 Hz; rates 1 and 2 are those of 8 and 9. */
static unsigned periodic_shift(const struct rtc *rtc)
{
	unsigned rate = rtc->cmos[REG_A] & A_RATE;

	return rate < 3 ? rate + 6 : rate - 1;
}

static uint64_t period_at(const struct rtc *rtc, uint64_t now)
{
	return ns_to_ticks(now, PERIODIC_HZ) >> periodic_shift(rtc);
}

static bool alarm_takes(uint8_t alarm, unsigned want, unsigned have)
{
	return (alarm & ANY) == ANY || want == have;
}

/* The first second after s at which the alarm bytes match; INT64_MAX: they never do. */
static int64_t next_alarm(const struct rtc *rtc, int64_t s)
{
	const uint8_t *at = rtc->cmos;
	unsigned hour = decode_hour(rtc, at[HOURS_ALARM]), minute = decode(rtc, at[MINUTES_ALARM]);
	unsigned second = decode(rtc, at[SECONDS_ALARM]);

	/* Steps over whole hours, then minutes, then seconds; longest is the way round a day to the same minute. */
	s++;
	for (unsigned hops = 4 * 60 + 24; hops; hops--) {
		unsigned t = (unsigned)(s - floor_div(s, DAY_S) * DAY_S);

		if (!alarm_takes(at[HOURS_ALARM], hour, t / HOUR_S)) {
			s += HOUR_S - t % HOUR_S;
		} else if (!alarm_takes(at[MINUTES_ALARM], minute, t / MINUTE_S % 60)) {
			s += MINUTE_S - t % MINUTE_S;
		} else if (!alarm_takes(at[SECONDS_ALARM], second, t % 60)) {
			s++;
		} else {
			return s;
		}
	}
	return INT64_MAX;
}

/* Sets the flags of what has happened since the last look. */
static void catch_up(struct rtc *rtc, uint64_t now)
{
	uint64_t period = period_at(rtc, now);
	uint8_t flags = 0;

	if (is_running(rtc)) {
		int64_t s = time_at(rtc, now);

		if (s > rtc->seen_s) {
			flags |= C_UF;
			flags |= next_alarm(rtc, rtc->seen_s) <= s ? C_AF : 0;
		}
		rtc->seen_s = s;
	}
	if ((rtc->cmos[REG_A] & A_RATE) && period != rtc->seen_period) {
		flags |= C_PF;
	}
	rtc->seen_period = period;
	rtc->cmos[REG_C] |= flags;
}

/* Time of the next event that is to interrupt; UINT64_MAX: none. */
static uint64_t next_event(const struct rtc *rtc)
{
	uint8_t wanted = rtc->cmos[REG_B] & (uint8_t)~rtc->cmos[REG_C];
	uint64_t next = UINT64_MAX, at;
	int64_t alarm;

	if (is_running(rtc) && (wanted & B_UIE)) {
		next = ns_of(rtc, rtc->seen_s + 1);
	}
	if (is_running(rtc) && (wanted & B_AIE)) {
		alarm = next_alarm(rtc, rtc->seen_s);
		at = alarm == INT64_MAX ? UINT64_MAX : ns_of(rtc, alarm);
		next = at < next ? at : next;
	}
	if ((wanted & B_PIE) && (rtc->cmos[REG_A] & A_RATE)) {
		at = ticks_to_ns((rtc->seen_period + 1) << periodic_shift(rtc), PERIODIC_HZ);
		next = at < next ? at : next;
	}
	return next;
}

/* The interrupt line from the flags; the timer for what is still to come. */
static void update_irq(struct rtc *rtc)
{
	uint8_t *c = &rtc->cmos[REG_C];
	bool irq = (*c & rtc->cmos[REG_B] & C_FLAGS) != 0;
	uint64_t next = next_event(rtc);

	*c = (uint8_t)((*c & C_FLAGS) | (irq ? C_IRQF : 0));
	vm_irq(rtc->gsi, irq);
	if (next == UINT64_MAX) {
		vm_timer_cancel(&rtc->timer);
	} else {
		vm_timer_set(&rtc->timer, next);
	}
}

static void on_event(void *arg)
{
	struct rtc *rtc = arg;

	catch_up(rtc, vm_now());
	update_irq(rtc);
}

/* ---- registers ---- */

/* The clock runs on from what the time bytes say, with the second that began at base_ns. */
static void load_time(struct rtc *rtc, uint64_t base_ns)
{
	rtc->base_s = time_from_cmos(rtc, rtc->cmos);
	rtc->base_ns = base_ns;
	rtc->seen_s = time_at(rtc, vm_now());
}

/* The beginning of the current second. */
static uint64_t second_start(const struct rtc *rtc, uint64_t now)
{
	return now - (now - rtc->base_ns) % NS_PER_S;
}

/* Registers A and B stop and start the clock. */
static void write_control(struct rtc *rtc, unsigned index, uint8_t val)
{
	uint64_t now = vm_now();
	bool ran = is_running(rtc), was_reset = (rtc->cmos[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;

	if (ran) {
		time_to_cmos(rtc, time_at(rtc, now), rtc->cmos);
	}
	rtc->cmos[index] = val;
	if (was_reset && index == REG_A && (val & A_DIVIDER_RESET) != A_DIVIDER_RESET) {
		/* The first update comes half a second after the divider is released. */
		rtc->base_ns = now - NS_PER_S / 2;
	}
	if (!ran && is_running(rtc)) {
		load_time(rtc, second_start(rtc, now));
	}
	rtc->seen_period = period_at(rtc, now);
}

static void write_time(struct rtc *rtc, unsigned index, uint8_t val)
{
	uint64_t now = vm_now();

	if (!is_running(rtc)) {
		rtc->cmos[index] = val;
		return;
	}
	time_to_cmos(rtc, time_at(rtc, now), rtc->cmos);
	rtc->cmos[index] = val;
	load_time(rtc, second_start(rtc, now));
}

static void write_cmos(struct rtc *rtc, unsigned index, uint8_t val)
{
	catch_up(rtc, vm_now());
	switch (index) {
	case SECONDS: case MINUTES: case HOURS: case WEEKDAY: case DAY: case MONTH: case YEAR: case RTC_CENTURY:
		write_time(rtc, index, val);
		break;
	case REG_A:
		write_control(rtc, index, val & (uint8_t)~A_UIP);
		break;
	case REG_B:
		/* SET also forbids the update interrupt. */
		write_control(rtc, index, val & B_SET ? val & (uint8_t)~B_UIE : val);
		break;
	case REG_C:
	case REG_D:
		break;
	default:
		rtc->cmos[index] = val;
		break;
	}
	update_irq(rtc);
}

static uint8_t read_time(const struct rtc *rtc, unsigned index)
{
	uint8_t cmos[CMOS_SIZE];

	if (!is_running(rtc)) {
		return rtc->cmos[index];
	}
	time_to_cmos(rtc, time_at(rtc, vm_now()), cmos);
	return cmos[index];
}

static uint8_t read_a(const struct rtc *rtc)
{
	bool updating = is_running(rtc) && (vm_now() - rtc->base_ns) % NS_PER_S >= NS_PER_S - UPDATE_NS;

	return (uint8_t)(rtc->cmos[REG_A] | (updating ? A_UIP : 0));
}

/* Reading acknowledges. */
static uint8_t read_c(struct rtc *rtc)
{
	uint8_t flags;

	catch_up(rtc, vm_now());
	update_irq(rtc);
	flags = rtc->cmos[REG_C];
	rtc->cmos[REG_C] = 0;
	update_irq(rtc);
	return flags;
}

static uint8_t read_cmos(struct rtc *rtc, unsigned index)
{
	switch (index) {
	case SECONDS: case MINUTES: case HOURS: case WEEKDAY: case DAY: case MONTH: case YEAR: case RTC_CENTURY:
		return read_time(rtc, index);
	case REG_A:
		return read_a(rtc);
	case REG_C:
		return read_c(rtc);
	case REG_D:
		return D_VALID;
	default:
		return rtc->cmos[index];
	}
}

static uint8_t port_read(void *dev, unsigned off)
{
	struct rtc *rtc = dev;

	return off ? read_cmos(rtc, rtc->index) : 0xff;
}

static void port_write(void *dev, unsigned off, uint8_t val)
{
	struct rtc *rtc = dev;

	if (off) {
		write_cmos(rtc, rtc->index, val);
	} else {
		rtc->index = val & (CMOS_SIZE - 1);      /* bit 7 masks NMI: there is no source of one */
	}
}

static const struct byte_ops ops = { port_read, port_write };

static void rtc_access(void *dev, struct io_access *io)
{
	bytes_access(&ops, dev, io);
}

/* n bytes of value, at most what fits them. */
static void put_size(struct rtc *rtc, unsigned index, unsigned n, uint64_t value)
{
	uint64_t top = (1ull << n * 8) - 1;

	value = value < top ? value : top;
	for (unsigned i = 0; i < n; i++) {
		rtc->cmos[index + i] = (uint8_t)(value >> i * 8);
	}
}

int rtc_init(struct rtc *rtc, struct bus *ports, unsigned gsi, uint64_t ram_low, uint64_t ram_high)
{
	uint64_t now = vm_now();
	uint64_t above_1m = ram_low > MIB(1) ? ram_low - MIB(1) : 0;
	uint64_t above_16m = ram_low > MIB(16) ? ram_low - MIB(16) : 0;

	*rtc = (struct rtc){ .gsi = gsi, .timer = { .fn = on_event, .arg = rtc } };
	rtc->cmos[REG_A] = A_DEFAULT;
	rtc->cmos[REG_B] = B_24H;
	rtc->cmos[EQUIPMENT] = 1 << 1;               /* FPU, no floppy, no display adapter */
	put_size(rtc, BASE_KIB, 2, 640);
	put_size(rtc, EXT_KIB, 2, above_1m / KIB(1));
	put_size(rtc, EXT_KIB_2, 2, above_1m / KIB(1));
	put_size(rtc, ABOVE_16M, 2, above_16m / KIB(64));
	put_size(rtc, ABOVE_4G, 3, ram_high / KIB(64));
	rtc->base_s = (int64_t)vm_wall_seconds();
	rtc->base_ns = now;
	rtc->seen_s = rtc->base_s;
	rtc->seen_period = period_at(rtc, now);
	return bus_add(ports, PORT_RTC, 2, rtc_access, rtc, "rtc");
}
