/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which memory a heap has page heaps for; mm/node.c.
 */
#ifndef GOMEM_NODE_H
#define GOMEM_NODE_H

#include <linux/gfp.h>

#include "central.h"

int gomem_nodes_create(struct gomem_heap *heap);
int gomem_nodes_catch_up(struct gomem_heap *heap);
void gomem_nodes_destroy(struct gomem_heap *heap);
struct gomem_node *gomem_zone_node(struct gomem_heap *heap, gfp_t gfp);

#endif /* GOMEM_NODE_H */
