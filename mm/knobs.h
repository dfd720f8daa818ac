/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can be adjusted; mm/knobs.c.
 */
#ifndef GOMEM_KNOBS_H
#define GOMEM_KNOBS_H

#include "heap.h"

void gomem_knobs_init(struct gomem_heap *heap);
const char *gomem_knob_name(enum gomem_knob knob);
int gomem_knob_set(struct gomem_heap *heap, enum gomem_knob knob, s64 value);
int gomem_knob_u32(const char *text, u32 *value);
int gomem_knob_parse(struct gomem_heap *heap, enum gomem_knob knob,
		     const char *text);

#endif /* GOMEM_KNOBS_H */
