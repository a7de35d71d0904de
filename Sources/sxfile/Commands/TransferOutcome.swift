import Engine

/// How a transfer ended, in words and exit codes.
extension Transfer {
    /// What a command that waited for it exits with.
    var outcome: ExitStatus {
        if isToGroup { return ExitStatus.worst(of: members.map(\.outcome)) }
        return switch state {
        case .complete: .done
        case .declined, .cancelled: .cancelled
        case .failed: failure.map(ExitStatus.init) ?? .failed
        case .sent where isFinished: .failed
        case .offered, .accepted, .active, .sent: waiting == .space ? .destination : .queued
        }
    }

    /// What to report of those for whom it ended without being complete: of a group each member, also while others go on.
    var endedFailures: [CommandFailure] {
        isToGroup ? members.compactMap(\.endedFailure) : [endedFailure].compactMap { $0 }
    }

    /// What to report when it ended without being complete; nil while it goes on, and when it is complete.
    var endedFailure: CommandFailure? {
        guard isFinished, outcome != .done else { return nil }
        let id = parent ?? id
        let part = parent.map { _ in " to \(peer)" } ?? ""
        let why = reason.map { ": \(PlainText.brief($0))" } ?? ""
        let who = endedBy == .peer ? peer : "you"
        switch state {
        case .declined: return CommandFailure(.cancelled, "\(who) declined transfer \(id)\(why)", code: "declined")
        case .cancelled: return CommandFailure(.cancelled, "transfer \(id)\(part) was cancelled by \(who)\(why)")
        case .sent:
            return CommandFailure(.failed, "transfer \(id) was sent, but \(peer) has not confirmed it in time")
        case .complete, .offered, .accepted, .active, .failed:
            let place = endedBy == .peer ? " on the side of \(peer)" : ""
            return CommandFailure(outcome, "transfer \(id)\(part) failed\(place)\(why)")
        }
    }

    /// What a recipient's command ends with when it leaves an unfinished transfer.
    var pausedFailure: CommandFailure {
        guard waiting == .space else { return .queued(queuedText) }
        return CommandFailure(
            .destination, "transfer \(id) waits for space for \(path ?? PlainText.brief(name))",
            hint: "make room there: `sxfile resume` goes on with it")
    }

    /// What is said when a command stops waiting for it.
    var queuedText: String {
        let what = [isToGroup ? membersText : nil, waitingText ?? "it goes on later"].compactMap { $0 }
            .joined(separator: ", ")
        return "transfer \(id) is \(state.rawValue): \(what)"
    }

    /// What is said when it is done, or as far as `--no-wait` waits.
    var doneText: String {
        switch (direction, state) {
        case (.send, .complete) where isToGroup:
            members.count == 1
                ? "\(members[0].peer) has \(PlainText.brief(name))"
                : "all \(members.count) members of \(peer) have \(PlainText.brief(name))"
        case (.send, .complete): "\(peer) has \(PlainText.brief(name))"
        case (.send, _): "the offer of \(PlainText.brief(name)) is with the relay; `sxfile resume` goes on with it"
        case (.receive, .complete): "\(PlainText.brief(name)) from \(peer) is complete"
        case (.receive, _):
            "the acceptance of \(PlainText.brief(name)) is with the relay; `sxfile resume` goes on with it"
        }
    }
}
