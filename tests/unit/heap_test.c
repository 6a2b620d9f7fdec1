/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The priority queue under timers and run queues, against a plain array.
 * sources: kernel/heap.c
 */
#include "kernel/heap.h"
#include "tests/unit/check.h"

enum { NODES = 300, STEPS = 20000 };

static struct heap_node node[NODES];
static struct heap heap;
static uint32_t seed;

static uint32_t next_random(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

static const struct heap_node *smallest(void)
{
	const struct heap_node *min = NULL;

	for (unsigned i = 0; i < NODES; i++) {
		if (heap_queued(&node[i]) && (!min || node[i].key < min->key)) {
			min = &node[i];
		}
	}
	return min;
}

/* Every right spine is logarithmic, every parent smaller, every link mutual. */
static unsigned checked_size(const struct heap_node *n)
{
	unsigned size = 1, spine = 0;

	for (const struct heap_node *s = n; s; s = s->right) {
		spine++;
	}
	CHECK_EQ(spine, n->rank);
	if (n->left) {
		CHECK(n->left->key >= n->key && n->left->parent == n);
		size += checked_size(n->left);
	}
	if (n->right) {
		CHECK(n->right->key >= n->key && n->right->parent == n && n->left);
		size += checked_size(n->right);
	}
	CHECK(size + 1 >= 1u << n->rank);
	return size;
}

TEST(any_order_of_inserts_and_removals_keeps_the_smallest_on_top)
{
	seed = 1;
	heap = (struct heap){ NULL };
	memset(node, 0, sizeof(node));
	for (unsigned step = 0; step < STEPS; step++) {
		struct heap_node *n = &node[next_random() % NODES];

		if (heap_queued(n)) {
			heap_remove(&heap, n);
		} else {
			heap_insert(&heap, n, next_random() % 50);
		}

		const struct heap_node *first = heap.root, *want = smallest();

		CHECK((first == NULL) == (want == NULL));
		CHECK(!first || first->key == want->key);
		if (first && step % 64 == 0) {
			CHECK(!first->parent);
			checked_size(first);
		}
	}
}

TEST(keys_come_out_sorted)
{
	uint64_t last = 0;

	seed = 7;
	heap = (struct heap){ NULL };
	memset(node, 0, sizeof(node));
	for (unsigned i = 0; i < NODES; i++) {
		heap_insert(&heap, &node[i], next_random());
	}
	for (unsigned i = 0; i < NODES; i++) {
		struct heap_node *n = heap.root;

		CHECK(n->key >= last);
		last = n->key;
		heap_remove(&heap, n);
	}
	CHECK(!heap.root);
}
