// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A fiber's way from its first switch to its end.

#include "lib/core/fiber_state.hpp"
#include "lib/core/scheduler.hpp"

#include <exception>
#include <list>
#include <span>
#include <vector>

namespace motet::detail {

/// How a body ended, before children's errors are added.
struct body_end {
  std::exception_ptr error;  ///< Its own.
  bool unwound = false;      ///< By `cancelled`.
};

/// Ends and awaits all fibers that live in `self`, whose body is done.
void end_children(fiber_state& self);

/// Settles what `self` ended with: value, error or stop, and what gave way.
void settle_outcome(fiber_state& self, body_end end);

/// Cancels those that are linked to `self`, if it has failed. @returns whether one of
/// them will end with its error.
bool fail_linked(fiber_state& self);

/// Tells those who wait for the end of `self`, which has come, and its monitors.
void tell_observers(scheduler& s, fiber_state& self) noexcept;
/// Sends one of them the notice.
void tell_monitor(fiber_state& monitor, fiber_state& who) noexcept;

/// Destroys its fiber_locals, the youngest first; nothing gets in meanwhile.
void destroy_locals(fiber_state& self) noexcept;

/// Lets go of other fibers, which may hold on to this one, as it ends.
void forget_others(fiber_state& self) noexcept;

/// Takes out the exceptions that were raised into it and not thrown. Whoever waits for
/// that need not any longer.
[[nodiscard]] edge_list take_edges(fiber_state& self);

/// Waits until nothing lives in the node. Cannot be cut short.
void join(scheduler& s, cancel_scope& node);
/// As above, but returns early for an exception that was raised into the fiber and that
/// it lets in; null if there was none.
[[nodiscard]] std::exception_ptr join_or_raised(scheduler& s, cancel_scope& node);
/// Parks once, until the last fiber of the node has ended or the node's own hook unparks
/// it. @returns an exception that was raised into the fiber meanwhile, which it lets in.
[[nodiscard]] std::exception_ptr wait_for_children(scheduler& s, cancel_scope& node);

/// What an error says, or nothing if there is no memory for it.
[[nodiscard]] std::string describe_if_possible(const std::exception_ptr& error) noexcept;

/// One error bare, two or more as an exception_group; null if there is none.
[[nodiscard]] std::exception_ptr aggregate(error_list errors, std::size_t dropped = 0);

/// Notes where the error of an ended fiber, about to be thrown into `self`, arose.
void introduce_error(fiber_state& self, const fiber_handle& from);
/// Throws what an awaiter of an ended fiber gets instead of a value, if it does.
void check_end(const fiber_handle& fiber, bool has_result);
/// Hands an error that nobody is there to get to `run_options::on_unhandled`.
void report_unhandled(const fiber_state& from, std::exception_ptr error) noexcept;
/// The same, of something else. Any thread: without a scheduler, it is a line on stderr.
void report_unhandled_of(const std::string& what, std::exception_ptr error) noexcept;

/// Runs an ended, restartable fiber again.
void revive(scheduler& s, fiber_state& ended);
/// Nobody can restart this ended, restartable fiber any more: destroys its callable.
void dispose(scheduler& s, fiber_state& dormant) noexcept;

/// Takes the notices that `about` has ended out of a mailbox. @returns whether there were
/// any.
bool drop_notices(mailbox& box, const fiber_state& about) noexcept;

/// A fiber starts in a node whose fibers are supervised.
void supervise_newcomer(cancel_scope& home, fiber_state& fiber) noexcept;
/// A supervised fiber has moved to another home.
void shelter_from_requests(fiber_state& fiber) noexcept;

/// What has arrived in a mailbox goes to its deputy's.
void pass_messages_on(fiber_state& from) noexcept;
/// Throws away what is in a mailbox.
void clear_mailbox(mailbox& box) noexcept;
/// What arrives from now on is for the fiber's next run.
void close_mailbox(mailbox& box) noexcept;

}  // namespace motet::detail
