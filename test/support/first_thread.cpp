// SPDX-License-Identifier: MIT
// Linked where ThreadSanitizer watches: it starts a thread of its own beside the first of
// ours, which no test case is to be blamed for.
#include <thread>

namespace {

struct first_thread {
  first_thread() {
    std::thread([] {}).join();
  }
};
const first_thread started;

}  // namespace
