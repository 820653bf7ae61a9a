#!/usr/bin/env python3
"""What rose between two looks at the daemons' statuses.

  figures.py BEFORE AFTER table         for people
  figures.py BEFORE AFTER server_life   same or changed
  figures.py BEFORE AFTER WHO FIGURE    a number
"""
import json
import sys

CLIENT_FIGURES = {
    'content.fetches': 'contents fetched', 'content.hits': 'opened from the cache', 'stores': 'contents stored', 'breaks.received': 'promises broken',
    'trust.lost': 'trust lost',
}
SERVER_FIGURES = {'promises': 'promises', 'breaks.sent': 'breaks sent', 'mutations': 'changes', 'stores.unseen': 'unseen versions overwritten'}


def read(folder, who):
    with open('%s/%s' % (folder, who)) as file:
        status = json.load(file)
    return status if who == 'server' else status[0]


def counts(status):
    found = dict(status.get('figures', {}))
    calls = {name: count for name, count in status.get('calls', {}).items() if name != 'probe'}
    found.update({'call.' + name: count for name, count in calls.items()}, calls=sum(calls.values()))
    return found


def is_other_life(old, new):
    """A client in a container has the same process id in each life; but then its counts of calls fall."""
    if old.get('epoch') != new.get('epoch') or old.get('processId') != new.get('processId'):
        return True
    was, now = counts(old), counts(new)
    return any(now.get(name, 0) < count for name, count in was.items() if name.startswith('call.'))


def rises(before, after, who):
    """Another life of the daemon began to count at zero."""
    old, new = read(before, who), read(after, who)
    was = {} if is_other_life(old, new) else counts(old)
    return {name: count - was.get(name, 0) for name, count in counts(new).items()}


def describe(risen, names):
    parts = ['%s %s' % (name.removeprefix('call.'), count) for name, count in sorted(risen.items()) if name.startswith('call.') and count]
    shown = ['%s %s' % (text, '%+d' % risen[name] if name == 'promises' else risen[name]) for name, text in names.items() if risen.get(name)]
    return '; '.join(filter(None, [parts and 'calls: ' + ', '.join(parts), ', '.join(shown)])) or 'nothing'


def main():
    before, after, who = sys.argv[1:4]
    if who == 'server_life':
        print('same' if read(before, 'server').get('epoch') == read(after, 'server').get('epoch') else 'changed')
        return
    if who != 'table':
        if not read(before, who) or not read(after, who):
            sys.exit('%s did not say what it counts' % who)
        print(rises(before, after, who).get(sys.argv[4], 0))
        return
    for client in ('client1', 'client2', 'client3'):
        print('%s %s  %s' % (client[:-1], client[-1], describe(rises(before, after, client), CLIENT_FIGURES)))
    print('server    %s' % describe(rises(before, after, 'server'), SERVER_FIGURES))


main()
