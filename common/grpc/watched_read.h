// Lets a FrameWatch look at what gRPC reads from a connection, before gRPC does.
//
// gRPC 1.51 takes connections over as files, and offers no place between a file and its parser. It
// reads by recvmsg(2), of which this program has its own (in watched_read.cc): every read of a
// connection that is watched goes by the watch, and one that is above a bound ends there, for gRPC
// as for the client. Other reads are the system's.
#ifndef LINJULI_COMMON_GRPC_WATCHED_READ_H_
#define LINJULI_COMMON_GRPC_WATCHED_READ_H_

#include <prometheus/counter.h>

#include <cstdint>

namespace linjuli {

// Watches an open socket until it is closed. `inode` is its own, by which another file that is
// given the same number later is told apart. `cut` counts those that were ended, by bound; it may
// be null, and outlives the connection. Thread-safe, as is what follows.
void WatchReads(int connection, uint64_t inode, prometheus::Family<prometheus::Counter>* cut);
// Gives back the memory for a connection that has been closed.
void ForgetReads(int connection, uint64_t inode);

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_WATCHED_READ_H_
