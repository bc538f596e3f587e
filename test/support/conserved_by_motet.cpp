// SPDX-License-Identifier: MIT

// What motet itself counts; for programs that link all of it.

#include "lib/core/leftovers.hpp"
#include "test/support/conservation.hpp"

#include <motet/testing.hpp>

namespace motet::test {
namespace {

const conserve fibers({"fibers",
                       []() noexcept { return detail::left_over.fibers.load(); }});
const conserve timers({"timers",
                       []() noexcept { return detail::left_over.timers.load(); }});
const conserve operations({"operations", []() noexcept {
                             return detail::left_over.operations.load();
                           }});
const conserve sockets({"simulated descriptors",
                        []() noexcept { return detail::left_over.descriptors.load(); }});
const conserve messages({"messages", &testing::live_messages});

}  // namespace
}  // namespace motet::test
