import WireFormat

extension ChatEvent {
    /// The event as a message.
    ///
    /// - Parameters:
    ///   - id: the number by which later messages may refer to this one, where it has one.
    ///   - parents: in a group, the parents; they become the first part.
    /// Throws `.missing` or `.invalid` for what the grammar cannot say (an empty name, a probe that is not 32 bytes), and
    /// `.json`, `.tooMany`, `.headerTooLong` or `.messageTooLong` for what a recipient would refuse.
    public func message(id: Int64? = nil, parents: [MessageParent] = []) throws(ChatProtocolError) -> ChatMessage {
        let parentParts = parents.isEmpty ? [] : [ContentPart(.parents, body: MessageParent.encode(parents))]
        var id = id
        if case .fileChunk(let chunk, _) = self, id == nil { id = chunk.id }
        return try ChatMessage(
            id: id, event: name, parameters: try parameters(), parts: parentParts + (try parts()))
    }

    private func parameters() throws(ChatProtocolError) -> [String] {
        switch self {
        case .newMessage(let new):
            return [new.kind.parameter] + new.announced.map(\.encoded) + new.otherParameters
        case .fileChunk(let chunk, _): return ["\(chunk.reference)", "\(chunk.part).\(chunk.number)"]
        case .messageUpdate(let reference, _), .messageDelete(let reference), .messageEvaluate(let reference, _),
            .fileRetry(let reference):
            return ["\(reference)"]
        case .fileOffer(let offer): return [try text(offer.name, "file name"), try size(offer.size)]
        case .fileAccept(let name): return [try text(name, "file name")]
        case .fileWant(let want): return try parameters(of: want)
        case .fileComplete(let root): return [try hash(root, "root hash", .standard)]
        case .fileCancel(let cancel): return ["\(cancel.reference)", cancel.code.rawValue]
        case .probe(let probe), .probeConfirm(let probe): return [try hash(probe, "probe", .url)]
        case .probeCheck(let probeHash): return [try hash(probeHash, "probe hash", .url)]
        case .groupInvite, .groupAccept, .memberNew, .memberIntroduce, .memberInvite, .memberForward, .memberInfo,
            .memberConnected, .memberConnectedToAll, .memberDelete:
            return try groupParameters()
        case .fileDone, .fileDirect, .ok, .info, .groupLeave, .groupDelete: return []
        case .earlierForm, .unknown: throw .invalid("event that is never sent", event: "chat message")
        }
    }

    private func groupParameters() throws(ChatProtocolError) -> [String] {
        switch self {
        case .groupInvite(let group):
            return [
                group.inviter.text, group.inviterRole.rawValue, group.invited.text, group.invitedRole.rawValue,
                try text(group.invitation, "invitation"),
            ]
        case .memberNew(let announcement):
            let new = announcement.new
            return announcement.connected.sorted().map(\.text) + [new.member.text, new.role.rawValue]
        case .memberIntroduce(let member), .memberInfo(let member): return [member.member.text, member.role.rawValue]
        case .memberInvite(let links), .memberForward(let links):
            return [
                links.member.text, try text(links.group, "group invitation"),
                try text(links.direct, "direct invitation"), try hash(links.probe, "probe", .url),
            ]
        case .groupAccept(let member), .memberConnected(let member), .memberConnectedToAll(let member),
            .memberDelete(let member):
            return [member.text]
        case .newMessage, .fileChunk, .messageUpdate, .messageDelete, .messageEvaluate, .fileOffer, .fileAccept,
            .fileWant, .fileDone, .fileComplete, .fileCancel, .fileDirect, .fileRetry, .ok, .info, .probe, .probeCheck,
            .probeConfirm, .groupLeave, .groupDelete, .earlierForm, .unknown:
            return []
        }
    }

    private func parts() throws(ChatProtocolError) -> [ContentPart] {
        switch self {
        case .newMessage(let new):
            // What a recipient would refuse is not sent.
            _ = try new.inlineFiles()
            return new.parts
        case .fileChunk(let chunk, let body):
            guard body.count == chunk.length else { throw .invalid("chunk size", event: name) }
            return [ContentPart(.file, body: body, hash: chunk.hash)]
        case .messageUpdate(_, let parts), .messageEvaluate(_, let parts): return parts
        case .fileOffer(let file):
            guard !file.invitation.isEmpty else { throw .missing("invitation", event: name) }
            let limit = file.offer.entries == nil ? ChatLimits.offerJSON : ChatLimits.json
            return [.text(file.invitation), try json(file.offer.encoded(), limit: limit)]
        case .fileDone(let done): return [try json(try done.json().encoded())]
        case .fileCancel(let cancel): return cancel.reason.map { [.text($0)] } ?? []
        case .fileDirect(let offer): return [try json(try offer.json().encoded())]
        case .info(let profile): return [try json(profile)]
        case .groupInvite(let group): return [try json(group.profile)]
        case .memberNew(let announcement): return [try json(announcement.new.profile)]
        case .memberIntroduce(let member), .memberInfo(let member): return [try json(member.profile)]
        case .messageDelete, .fileAccept, .fileWant, .fileComplete, .fileRetry, .ok, .probe, .probeCheck, .probeConfirm,
            .groupAccept, .groupLeave, .groupDelete, .memberInvite, .memberForward, .memberConnected,
            .memberConnectedToAll, .memberDelete, .earlierForm, .unknown:
            return []
        }
    }

    private func text(_ text: String, _ what: String) throws(ChatProtocolError) -> String {
        guard !text.isEmpty else { throw .missing(what, event: name) }
        return PercentEncoding.encode(text)
    }

    private func size(_ size: UInt64?) throws(ChatProtocolError) -> String {
        guard let size else { return "-" }
        guard size <= UInt64(Int64.max) else { throw .invalid("size", event: name) }
        return String(size)
    }

    private func hash(
        _ bytes: [UInt8], _ what: String, _ alphabet: Base64.Alphabet
    ) throws(ChatProtocolError) -> String {
        guard bytes.count == 32 else { throw .invalid(what, event: name) }
        return Base64.encode(bytes, alphabet)
    }

    /// Only what `ChunkRanges` reads again: 1 to 64 ranges from 1 on.
    private func parameters(of want: FileWant) throws(ChatProtocolError) -> [String] {
        let ranges = want.ranges.parameters
        guard want.number <= UInt64(Int64.max), want.seen >= 0, want.frames ?? 0 >= 0 else {
            throw .invalid("number", event: name)
        }
        guard ChunkRanges(parameters: ranges) == want.ranges else { throw .invalid("list of ranges", event: name) }
        let seen = want.frames.map { "\(want.seen).\($0)" } ?? "\(want.seen)"
        return ["\(want.number)", seen] + ranges
    }

    private func json(_ profile: Profile) throws(ChatProtocolError) -> ContentPart {
        guard !profile.displayName.isEmpty else { throw .missing("name", event: name) }
        return try json(profile.json.encoded())
    }

    private func json(_ body: [UInt8], limit: Int = ChatLimits.json) throws(ChatProtocolError) -> ContentPart {
        guard body.count <= limit else { throw .json(.tooLong, offset: limit) }
        return ContentPart(.json, body: body)
    }
}
