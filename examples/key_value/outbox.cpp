// SPDX-License-Identifier: MIT
#include "examples/key_value/outbox.hpp"

#include "examples/key_value/write.hpp"

namespace key_value {

void outbox::put(std::string_view bytes) {
  if (closed_) return;
  if (waiting_.size() + bytes.size() > most_) {
    closed_ = true;
    owner_.stop("reads too slowly");
    return;
  }
  waiting_ += bytes;
  changed_.set();
}

void outbox::close() noexcept {
  closed_ = true;
  changed_.set();
}

void outbox::write_to(motet::stream& reader, motet::duration patience) {
  std::string writing;
  while (!closed_ || !waiting_.empty()) {
    changed_.wait();
    changed_.reset();
    writing.clear();
    writing.swap(waiting_);
    write_patiently(reader, writing, patience);
  }
}

}  // namespace key_value
