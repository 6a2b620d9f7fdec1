/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked lists with a head. A node that is in no list points to itself. */
#pragma once

#include "lib/base.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Puts node right behind head: in front of all; with head->prev in its place, behind all. */
static inline void list_push(struct list *head, struct list *node)
{
	node->next = head->next;
	node->prev = head;
	head->next->prev = node;
	head->next = node;
}

/* Harmless for a node that is in no list. */
static inline void list_remove(struct list *node)
{
	node->next->prev = node->prev;
	node->prev->next = node->next;
	list_init(node);
}

#define list_first(head, type, member) container_of((head)->next, type, member)

/* Loop over all entries; the body must not remove others than it. */
#define list_for_each(it, head, type, member) \
	for (type *it = container_of((head)->next, type, member), \
	     *it##_next = container_of(it->member.next, type, member); \
	     &it->member != (head); \
	     it = it##_next, it##_next = container_of(it->member.next, type, member))
