/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which station is behind which port. A card's own address is fixed: nobody else can take it. The wire is firm: what was heard there
 * lately is not taken over by a VM, the way out least of all, and finds a place where VMs have filled them. Others are learned from
 * what a port sends, up to a number for each port, so that no VM fills the table for all. Behind an uplink there may be more.
 */
#pragma once

#include "net/ports.h"

enum { FDB_SLOTS = 2048, FDB_PROBES = 8, FDB_PER_PORT = 64, FDB_PER_UPLINK = 512, FDB_PORTS = NET_PORTS_MAX + NET_UPLINKS_MAX };

#define FDB_AGE_NS (300 * 1000000000ull)
#define FDB_SWEEP_NS 1000000000ull   /* a full port looks for stations that are that old no more often       */

struct fdb_entry {
	uint64_t key;                /* address and net; 0: free                                     */
	uint64_t seen_ns;
	uint32_t port;
	bool fixed;
};

struct fdb {
	struct fdb_entry entry[FDB_SLOTS];
	uint16_t learned[FDB_PORTS];
	uint64_t swept_ns[FDB_PORTS];        /* when stations of it that were silent for long went last      */
	bool firm[FDB_PORTS];        /* uplinks                                                      */
};

/* A station as a number: the address, and the net in which it is. */
uint64_t fdb_key(const uint8_t mac[6], uint32_t net);

/* The card's own address. False: the table has no place for it, or another port has it; then it is learned like others. */
bool fdb_fix(struct fdb *f, uint64_t key, uint32_t port);

/* The port is an uplink from now on: FDB_PER_UPLINK stations, and firm. */
void fdb_make_firm(struct fdb *f, uint32_t port);

/* Notes that key sends from port. False: it is another card's own address, or that of a station on the wire. */
bool fdb_learn(struct fdb *f, uint64_t key, uint32_t port, uint64_t now_ns);

/* The port of key, or -1. */
int fdb_find(const struct fdb *f, uint64_t key, uint64_t now_ns);

/* Forgets all that is behind a port. */
void fdb_forget(struct fdb *f, uint32_t port);
