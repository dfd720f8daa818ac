# SPDX-License-Identifier: GPL-2.0
#
# For people: builds gomem.ko outside the kernel tree and runs the tests. What
# the module is made of is in Kbuild, which the kernel's build reads.

KDIR ?= /lib/modules/$(shell uname -r)/build
MAKEFLAGS += --no-print-directory

# Passed to the kernel's build as if they came from its .config.
CONFIG := CONFIG_GOMEM=m
# Type information needs pahole; the module works without.
ifeq ($(shell command -v pahole),)
CONFIG += CONFIG_DEBUG_INFO_BTF_MODULES=
endif
KBUILD = $(MAKE) -C $(KDIR) M=$(CURDIR) $(CONFIG)

.DEFAULT_GOAL := modules

modules: | headers
	+$(KBUILD) modules

tests: CONFIG += CONFIG_GOMEM_TESTS=m
tests: | headers
	+$(KBUILD) modules

# What the kernel calls itself. The build does not know: in Debian's headers it says
# 6.1.192 for 6.1.0-56-amd64.
RELEASE = $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"$$/\1/p' \
	$(KDIR)/include/generated/utsrelease.h)
MODULES = $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)
DEPMOD = PATH="$$PATH:/sbin:/usr/sbin" depmod \
	$(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(RELEASE)
# Where the kernel's build installs, older and newer ones.
INSTALLED = $(wildcard $(addsuffix /gomem.ko*,\
	$(addprefix $(MODULES)/,$(INSTALL_MOD_DIR) extra updates)))

VERSION := $(shell sed -n 's/^.define GOMEM_VERSION[\t ]*"\(.*\)"$$/\1/p' \
	include/linux/gomem.h)
# Of the machine that it is installed on.
SECURE_BOOT = test -z "$(INSTALL_MOD_PATH)" && \
	PATH="$$PATH:/sbin:/usr/sbin" mokutil --sb-state 2>&1 | grep -q enabled

install modules_install: modules | release
	+$(KBUILD) KERNELRELEASE=$(RELEASE) modules_install
	@$(DEPMOD)
	@find "$(MODULES)" -name 'gomem.ko*' | grep -q . || { \
		echo "The kernel's build installed no gomem.ko in $(MODULES)." >&2; exit 1; }
	@echo "gomem $(VERSION) is installed for $(RELEASE): modprobe gomem"
	@! $(SECURE_BOOT) || \
		echo "Secure Boot is on: it has to be signed, see Documentation/install.rst."

uninstall: | release
	@test -n "$(INSTALLED)" || { \
		echo "There is no gomem.ko in $(MODULES)." >&2; exit 1; }
	rm $(INSTALLED)
	@$(DEPMOD)
	@echo "gomem is not installed for $(RELEASE) any more."

# For scripts and packages.
version:
	@echo $(VERSION)

# PREFIX and DESTDIR, as usual.
install-tools:
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install-tools

uninstall-tools:
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install-tools --uninstall

clean: CONFIG += CONFIG_GOMEM_TESTS=m
clean: | headers
	+$(KBUILD) clean

headers:
	@test -e "$(KDIR)/Makefile" || { \
		echo "There is nothing to build a module against in $(KDIR)." >&2; \
		echo "Install the kernel's headers (Debian: apt install" \
		     "linux-headers-$$(uname -r))," >&2; \
		echo "or name another kernel's with KDIR=..." >&2; \
		exit 1; }

release: | headers
	@test -n "$(RELEASE)" || { \
		echo "$(KDIR) does not say which kernel it is for:" \
		     "include/generated/utsrelease.h is missing." >&2; \
		exit 1; }

check lint kunit demo:
	scripts/$@

bench:
	scripts/bench $(addprefix --trace ,$(TRACE))

help:
	@echo 'Module:'
	@echo '  modules          build gomem.ko for the running kernel (default)'
	@echo '  tests            and the test modules too'
	@echo '  install          install gomem.ko below /lib/modules, for modprobe (as root)'
	@echo '  uninstall        remove it from there'
	@echo '  clean            remove what was built here'
	@echo '  install-tools    install gomemtop, gomem-doctor and the like, with manual pages,'
	@echo '                   below PREFIX (/usr/local); DESTDIR is put before that'
	@echo '  uninstall-tools  remove those'
	@echo '  version          say which version of gomem this is'
	@echo '  KDIR=DIR         build for the kernel whose headers or build tree DIR is'
	@echo
	@echo 'These need a Debian machine, not this kernel; they fetch what they need:'
	@echo '  demo             one screen: a leak found, and kmalloc beside gomem, in QEMU'
	@echo '  check            run every test and check'
	@echo '  lint             run the static checks only'
	@echo '  kunit            run the KUnit tests on User Mode Linux'
	@echo '  bench            compare with kmalloc (TRACE=FILE replays that trace too)'
	@echo 'See also scripts/*, each of which has --help.'

.PHONY: modules tests install modules_install uninstall install-tools uninstall-tools \
	version clean headers release \
	check lint kunit demo bench help
