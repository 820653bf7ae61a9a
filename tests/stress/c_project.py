#!/usr/bin/env python3
"""Writes a C project: modules that call each other, a static library, a program and its Makefile, in a folder.

The same numbers give the same bytes, and nothing in it depends on time or place, so that two builds of it are equal byte for byte.
"""
import argparse
import os
import random

MAKEFILE = '''\
CFLAGS = -O1 -Iinclude
OBJECTS = $(patsubst source/%.c,build/%.o,$(sort $(wildcard source/*.c)))

all: build/program build/output

build/output: build/program
\tbuild/program >$@.new
\tmv $@.new $@

build/program: build/main.o build/libmodules.a
\t$(CC) -o $@ $^

build/libmodules.a: $(filter-out build/main.o,$(OBJECTS))
\trm -f $@
\tar rcD $@ $^

build/%.o: source/%.c include/modules.h
\t@mkdir -p build
\t$(CC) $(CFLAGS) -MMD -c -o $@ $<

clean:
\trm -rf build

-include $(OBJECTS:.o=.d)
'''


def module(number, modules, chance):
    table = ', '.join(str(chance.randrange(1 << 32)) + 'u' for _ in range(200))
    steps = '\n'.join(
        '    case %d: x = (x ^ table[(x + %du) %% 200u]) * %du + (x >> %d); break;' % (i, chance.randrange(200), chance.randrange(1 << 31) | 1, chance.randrange(1, 31))
        for i in range(60))
    following = number + 1
    onward = 'module%d(x, depth - 1)' % following if following < modules else 'x'
    return '''\
#include "modules.h"

static const unsigned table[200] = { %s };

static unsigned step(unsigned x)
{
    switch (x %% 60u) {
%s
    }
    return x;
}

unsigned module%d(unsigned x, int depth)
{
    for (int i = 0; i < 100; i++)
        x = step(x);
    return depth > 0 ? %s : x;
}
''' % (table, steps, number, onward)


def write(path, text):
    with open(path, 'w') as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder')
    parser.add_argument('--modules', type=int, default=60)
    parser.add_argument('--seed', type=int, default=1)
    arguments = parser.parse_args()
    chance, modules = random.Random(arguments.seed), arguments.modules
    for name in ('include', 'source'):
        os.makedirs(os.path.join(arguments.folder, name))
    write(os.path.join(arguments.folder, 'Makefile'), MAKEFILE)
    write(os.path.join(arguments.folder, 'include/modules.h'), ''.join('unsigned module%d(unsigned x, int depth);\n' % i for i in range(modules)))
    for i in range(modules):
        write(os.path.join(arguments.folder, 'source/module%d.c' % i), module(i, modules, chance))
    write(os.path.join(arguments.folder, 'source/main.c'), '''\
#include <stdio.h>
#include "modules.h"

int main(void)
{
    for (unsigned i = 0; i < 1000; i++)
        printf("%%u %%u\\n", i, module0(i, %d));
    return 0;
}
''' % modules)


main()
