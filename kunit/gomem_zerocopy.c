// SPDX-License-Identifier: GPL-2.0
/*
 * Does what is sent by reference arrive as it was?
 *
 * A buffer is sent over a TCP connection to this machine, by reference where
 * sendpage_ok() allows that, as the kernel's own senders do.  Then it is freed, others
 * get memory and fill it, and only then is it received.  For each size and allocator it
 * prints how many of the bytes that arrive are the ones that were sent, and how many were
 * sent by reference.
 */
#include <linux/in.h>
#include <linux/net.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <net/sock.h>
#include "gomem_versus.h"

#ifndef GOMEM_HAVE_SENDPAGE
#include <linux/bvec.h>
#endif

#define PORT		5555
#define BUFFER		(8 << 20)
#define LATER		64
#define STRANGERS	20000

static const unsigned int sizes[] = { 64, 2048, 32768, 60000, 100000 };

static struct socket *listener, *sender, *receiver;
static void *later[LATER];
static struct page **strangers;
static char *received;

static int make_sockets(void)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr *addr = (struct sockaddr *)&here;
	int ret;

	ret = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &listener);
	if (ret)
		return ret;
	sock_set_reuseaddr(listener->sk);
	sock_set_rcvbuf(listener->sk, BUFFER);
	ret = kernel_bind(listener, addr, sizeof(here)) ?:
	      kernel_listen(listener, 1) ?:
	      sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &sender);
	if (ret)
		return ret;
	WRITE_ONCE(sender->sk->sk_sndbuf, BUFFER);
	return kernel_connect(sender, addr, sizeof(here), 0) ?:
	       kernel_accept(listener, &receiver, 0);
}

static void release(struct socket **sock)
{
	if (*sock)
		sock_release(*sock);
	*sock = NULL;
}

static void release_sockets(void)
{
	release(&receiver);
	release(&sender);
	release(&listener);
}

static int send_copy(void *p, size_t size)
{
	struct msghdr msg = {};
	struct kvec vec = { .iov_base = p, .iov_len = size };

	return kernel_sendmsg(sender, &msg, &vec, 1, size);
}

static int send_reference(void *p, size_t size)
{
#ifdef GOMEM_HAVE_SENDPAGE
	return kernel_sendpage(sender, virt_to_page(p), offset_in_page(p), size, 0);
#else
	struct msghdr msg = { .msg_flags = MSG_SPLICE_PAGES };
	struct bio_vec vec;

	bvec_set_virt(&vec, p, size);
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, size);
	return sock_sendmsg(sender, &msg);
#endif
}

static size_t send_all(char *p, size_t size, size_t *referred)
{
	size_t sent = 0;
	bool may_refer;
	int ret;

	*referred = 0;
	while (sent < size) {
		may_refer = sendpage_ok(virt_to_page(p + sent));
		if (may_refer)
			ret = send_reference(p + sent, size - sent);
		else
			ret = send_copy(p + sent, size - sent);
		if (ret <= 0)
			break;
		if (may_refer)
			*referred += ret;
		sent += ret;
	}
	return sent;
}

/* How many bytes of @size arrive as @byte. */
static size_t receive_all(size_t size, char byte)
{
	size_t got = 0, right = 0, i;

	receiver->sk->sk_rcvtimeo = 10 * HZ;
	while (got < size) {
		struct kvec vec = { .iov_base = received, .iov_len = size };
		struct msghdr msg = {};
		int ret = kernel_recvmsg(receiver, &msg, &vec, 1, size - got, 0);

		if (ret <= 0)
			break;
		for (i = 0; i < ret; i++)
			right += received[i] == byte;
		got += ret;
	}
	return right;
}

static void use_memory(enum versus who, size_t size)
{
	unsigned int i;

	for (i = 0; i < LATER; i++) {
		later[i] = versus_alloc(who, size, GFP_KERNEL);
		if (later[i])
			memset(later[i], 'B', size);
	}
	for (i = 0; i < STRANGERS; i++) {
		strangers[i] = alloc_page(GFP_KERNEL);
		if (strangers[i])
			memset(page_address(strangers[i]), 'C', PAGE_SIZE);
		cond_resched();
	}
}

static void unuse_memory(enum versus who)
{
	unsigned int i;

	for (i = 0; i < LATER; i++)
		versus_free(who, later[i]);
	for (i = 0; i < STRANGERS; i++)
		if (strangers[i])
			__free_page(strangers[i]);
}

static int try(enum versus who, size_t size, bool give_back)
{
	char row[40], *p = versus_alloc(who, size, GFP_KERNEL);
	int ret = p ? make_sockets() : -ENOMEM;
	size_t referred;

	if (ret)
		goto out;
	memset(p, 'A', size);
	ret = send_all(p, size, &referred) == size ? 0 : -EIO;
	snprintf(row, sizeof(row), "by-reference-%zu", size);
	versus_say(row, who, referred);
	versus_free(who, p);
	p = NULL;
	if (give_back)
		versus_give_back();
	use_memory(who, size);
	snprintf(row, sizeof(row), "%s-%zu", give_back ? "given-back" : "reused", size);
	versus_say(row, who, ret ?: receive_all(size, 'A'));
	unuse_memory(who);
out:
	versus_free(who, p);
	release_sockets();
	return ret;
}

static int __init zerocopy_init(void)
{
	unsigned int i;
	int who, ret = 0;

	strangers = vzalloc(array_size(STRANGERS, sizeof(*strangers)));
	received = vmalloc(sizes[ARRAY_SIZE(sizes) - 1]);
	if (!strangers || !received)
		ret = -ENOMEM;
	for (i = 0; !ret && i < ARRAY_SIZE(sizes) * 2; i++)
		for (who = GOMEM; !ret && who <= KMALLOC; who++)
			ret = try(who, sizes[i / 2], i % 2);
	vfree(received);
	vfree(strangers);
	return ret;
}
module_init(zerocopy_init);

static void __exit zerocopy_exit(void)
{
}
module_exit(zerocopy_exit);

MODULE_DESCRIPTION("Zero-copy sends of memory that is freed");
MODULE_LICENSE("GPL");
