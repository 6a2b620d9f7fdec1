/* SPDX-License-Identifier: Apache-2.0 */
/* What newlib asks its operating system for: memory from a fixed array, output to user_output(), and no files. */
#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/user/user.h"

static size_t heap_used;

int getpid(void);
int kill(int pid, int signal);

__attribute__((weak)) char *user_heap(size_t *size)
{
	static char heap[USER_HEAP] __attribute__((aligned(16)));

	*size = sizeof(heap);
	return heap;
}

void *sbrk(ptrdiff_t increment)
{
	size_t size;
	char *start = user_heap(&size) + heap_used;

	if (increment < 0 ? (size_t)-increment > heap_used : (size_t)increment > size - heap_used) {
		errno = ENOMEM;
		return (void *)-1;
	}
	heap_used += (size_t)increment;
	return start;
}

_READ_WRITE_RETURN_TYPE write(int fd, const void *text, size_t len)
{
	(void)fd;
	user_output(text, len);
	return (_READ_WRITE_RETURN_TYPE)len;
}

_READ_WRITE_RETURN_TYPE read(int fd, void *buffer, size_t len)
{
	(void)fd, (void)buffer, (void)len;
	return 0;
}

int close(int fd)
{
	(void)fd;
	errno = EBADF;
	return -1;
}

off_t lseek(int fd, off_t offset, int whence)
{
	(void)fd, (void)offset, (void)whence;
	errno = ESPIPE;
	return -1;
}

int fstat(int fd, struct stat *status)
{
	(void)fd;
	status->st_mode = S_IFCHR;
	return 0;
}

int isatty(int fd)
{
	(void)fd;
	return 1;
}

int getpid(void)
{
	return 1;
}

int kill(int pid, int signal)
{
	(void)pid, (void)signal;
	errno = EINVAL;
	return -1;
}
