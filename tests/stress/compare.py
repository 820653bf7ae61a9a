#!/usr/bin/env python3
"""Compares two trees: names, types, contents, links' targets, and the stat fields that two mounts of one volume must share."""
import os
import stat
import sys


def describe(path):
    s = os.lstat(path)
    fields = {'mode': oct(s.st_mode), 'nlink': s.st_nlink, 'uid': s.st_uid, 'gid': s.st_gid, 'mtime': s.st_mtime_ns, 'ino': s.st_ino}
    if stat.S_ISREG(s.st_mode):
        fields['size'] = s.st_size
        with open(path, 'rb') as file:
            fields['content'] = file.read()
    elif stat.S_ISLNK(s.st_mode):
        fields['target'] = os.readlink(path)
    return fields


def names_below(root):
    found = ['.']
    for folder, folders, files in os.walk(root):
        found += [os.path.relpath(os.path.join(folder, name), root) for name in folders + files]
    return found


def main():
    first, second = sys.argv[1:3]
    names = names_below(first)
    differences = ['%s: only in one' % name for name in sorted(set(names) ^ set(names_below(second)))]
    for name in names:
        try:
            one, other = describe(os.path.join(first, name)), describe(os.path.join(second, name))
        except OSError as error:
            differences.append('%s: %s' % (name, error))
            continue
        differences += ['%s: %s %.60r and %.60r' % (name, field, one[field], other.get(field)) for field in one if one[field] != other.get(field)]
    print(*differences[:50], sep='\n')
    print('%d objects, %d differences' % (len(names), len(differences)))
    return 1 if differences or len(names) < 2 else 0


sys.exit(main())
