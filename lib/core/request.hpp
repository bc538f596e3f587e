// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A request to stop, shared by the scope it is latched on and the exceptions it becomes.

#include <motet/cancel.hpp>

#include <atomic>
#include <new>
#include <utility>

namespace motet::detail {

struct request_record {
  std::atomic<unsigned> references{1};
  cancel_reason why;
  request_record* later = nullptr;  ///< Requests that came second, in their order.
  /// The fiber asked itself. Its outcome says so without a handle, which would keep the
  /// fiber alive for ever.
  bool by_itself = false;

  explicit request_record(cancel_reason reason) : why(std::move(reason)) {}
};

inline void add_reference(request_record& record) noexcept {
  record.references.fetch_add(1, std::memory_order_relaxed);
}

inline void drop_reference(request_record* record) noexcept {
  while (record != nullptr &&
         record->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    request_record* const later = record->later;
    delete record;
    record = later;
  }
}

/// Who asks, why, from where: filled in with the fiber that runs and the time.
[[nodiscard]] request_record* make_request(cancel_kind kind, std::string_view why,
                                           call_site where);

}  // namespace motet::detail
