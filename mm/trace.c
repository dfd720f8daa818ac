// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints of include/trace/events/gomem.h, made here.
 */
#define CREATE_TRACE_POINTS
#include <trace/events/gomem.h>
