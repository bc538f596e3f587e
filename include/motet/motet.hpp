// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Everything but the headers for tests.

#include <motet/await.hpp>
#include <motet/blocking.hpp>
#include <motet/call_site.hpp>
#include <motet/cancel.hpp>
#include <motet/cancel_on.hpp>
#include <motet/channel.hpp>
#include <motet/condition.hpp>
#include <motet/debug.hpp>
#include <motet/disconnect.hpp>
#include <motet/endpoint.hpp>
#include <motet/error.hpp>
#include <motet/event.hpp>
#include <motet/fiber.hpp>
#include <motet/fiber_local.hpp>
#include <motet/fiber_ref.hpp>
#include <motet/finally.hpp>
#include <motet/for_each_parallel.hpp>
#include <motet/guarded.hpp>
#include <motet/interrupt_all.hpp>
#include <motet/link.hpp>
#include <motet/mailbox.hpp>
#include <motet/mutex.hpp>
#include <motet/no_suspend.hpp>
#include <motet/once.hpp>
#include <motet/outcome.hpp>
#include <motet/promise.hpp>
#include <motet/race.hpp>
#include <motet/ready_signal.hpp>
#include <motet/run.hpp>
#include <motet/scope.hpp>
#include <motet/scope_ref.hpp>
#include <motet/select.hpp>
#include <motet/semaphore.hpp>
#include <motet/shield.hpp>
#include <motet/spin.hpp>
#include <motet/spin_loop.hpp>
#include <motet/supervise.hpp>
#include <motet/tcp.hpp>
#include <motet/throttle.hpp>
#include <motet/time.hpp>
#include <motet/timeout.hpp>
#include <motet/when_all.hpp>
