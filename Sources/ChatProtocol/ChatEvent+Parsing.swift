import WireFormat

extension ChatEvent {
    /// Reads what `message` says.
    ///
    /// Throws `.missing`, `.invalid` or `.json` for a known event that lacks something or has what cannot be.
    public init(_ message: ChatMessage) throws(ChatProtocolError) {
        if let event = try ChatEvent.messageEvent(message) {
            self = event
        } else if let event = try ChatEvent.fileEvent(message) {
            self = event
        } else if let event = try ChatEvent.groupEvent(message) {
            self = event
        } else if let event = try ChatEvent.memberEvent(message) {
            self = event
        } else {
            self = .unknown(name: message.event)
        }
    }

    /// Parses a message and reads what it says.
    public init(parsing bytes: ArraySlice<UInt8>) throws(ChatProtocolError) {
        try self.init(try ChatMessage(parsing: bytes))
    }

    /// x.msg.*, x.info.* and x.ok
    private static func messageEvent(_ message: ChatMessage) throws(ChatProtocolError) -> ChatEvent? {
        let reader = EventReader(message: message, event: message.event)
        switch message.event {
        case "x.msg.new": return .newMessage(try newMessage(reader))
        case "x.msg.file": return try fileChunk(reader)
        case "x.msg.update": return .messageUpdate(reference: try reader.reference(), parts: try reader.parts())
        case "x.msg.delete": return .messageDelete(reference: try reader.reference())
        case "x.msg.eval": return .messageEvaluate(reference: try reader.reference(), parts: try reader.parts())
        case "x.ok": return .ok
        case "x.info": return .info(try reader.profile())
        case "x.info.probe": return .probe(try reader.hash(0, "probe", .url))
        case "x.info.probe.check": return .probeCheck(hash: try reader.hash(0, "probe hash", .url))
        case "x.info.probe.ok": return .probeConfirm(try reader.hash(0, "probe", .url))
        default: return nil
        }
    }

    private static func newMessage(_ reader: EventReader) throws(ChatProtocolError) -> NewMessage {
        let kind = NewMessage.Kind(try reader.parameter(0, "kind of content"))
        var announced: [ContentDescription] = []
        var others: [String] = []
        for parameter in reader.message.parameters.dropFirst() {
            if let description = ContentDescription(parameter) {
                announced.append(description)
            } else {
                others.append(parameter)
            }
        }
        guard announced.count <= ChatLimits.parts else { throw .tooMany(.contentParts, limit: ChatLimits.parts) }
        return NewMessage(kind: kind, announced: announced, otherParameters: others, parts: try reader.parts())
    }

    private static func fileChunk(_ reader: EventReader) throws(ChatProtocolError) -> ChatEvent {
        let reference = try reader.reference()
        guard let position = FileChunk.position(try reader.parameter(1, "chunk number")) else {
            throw .invalid("chunk number", event: reader.event)
        }
        guard let part = reader.message.parts.first(where: { $0.type == .file }), let body = part.body else {
            throw .missing("bytes", event: reader.event)
        }
        guard body.count <= ChatLimits.chunk else { throw .invalid("chunk size", event: reader.event) }
        let chunk = FileChunk(
            id: reader.message.id, reference: reference, part: position.part, number: position.number,
            length: body.count, hash: part.description.hash)
        return .fileChunk(chunk, body: body)
    }

    /// x.file and x.file.*
    private static func fileEvent(_ message: ChatMessage) throws(ChatProtocolError) -> ChatEvent? {
        let reader = EventReader(message: message, event: message.event)
        switch message.event {
        case "x.file": return .fileOffer(try fileInvitation(reader))
        case "x.file.acpt": return .fileAccept(name: try reader.text(0, "file name"))
        case "x.file.want":
            let number = UInt64(try reader.number(0, "number"))
            let (seen, frames) = try reader.position(1, "message number")
            _ = try reader.parameter(2, "ranges")
            guard let ranges = ChunkRanges(parameters: message.parameters[2...]) else {
                throw .invalid("list of ranges", event: reader.event)
            }
            return .fileWant(FileWant(number: number, seen: seen, frames: frames, ranges: ranges))
        case "x.file.done": return .fileDone(try FileDone(try reader.json()))
        case "x.file.ok": return .fileComplete(root: try reader.hash(0, "root hash", .standard))
        case "x.file.cancel":
            let reference = try reader.reference()
            guard let code = FileCancel.Code(rawValue: try reader.parameter(1, "code")) else {
                throw .invalid("code", event: reader.event)
            }
            return .fileCancel(FileCancel(reference: reference, code: code, reason: try reader.bodyText("reason")))
        case "x.file.direct": return .fileDirect(try DirectOffer(try reader.json()))
        case "x.file.retry": return .fileRetry(reference: try reader.reference())
        default: return nil
        }
    }

    private static func fileInvitation(_ reader: EventReader) throws(ChatProtocolError) -> FileInvitation {
        let name = try reader.text(0, "file name")
        let size: UInt64? = try reader.parameter(1, "size") == "-" ? nil : UInt64(try reader.number(1, "size"))
        guard let invitation = try reader.bodyText("invitation"), !invitation.isEmpty else {
            throw .missing("invitation", event: reader.event)
        }
        var offer = FileOffer.plain
        if let json = reader.message.body(.json) { offer = try FileOffer(parsing: json) }
        return FileInvitation(name: name, size: size, invitation: invitation, offer: offer)
    }

    /// x.grp.* but those about members
    private static func groupEvent(_ message: ChatMessage) throws(ChatProtocolError) -> ChatEvent? {
        let reader = EventReader(message: message, event: message.event)
        switch message.event {
        case "x.grp.inv":
            return .groupInvite(
                GroupInvitation(
                    inviter: try reader.member(0), inviterRole: try reader.role(1), invited: try reader.member(2),
                    invitedRole: try reader.role(3), invitation: try reader.link(4, "invitation"),
                    profile: try reader.profile()))
        case "x.grp.acpt": return .groupAccept(member: try reader.member(0))
        case "x.grp.leave": return .groupLeave
        case "x.grp.del": return .groupDelete
        case "x.grp.mem.acpt", "x.grp.mem.req", "x.grp.mem.direct.inv": return .earlierForm(name: message.event)
        default: return nil
        }
    }

    /// x.grp.mem.*
    private static func memberEvent(_ message: ChatMessage) throws(ChatProtocolError) -> ChatEvent? {
        let reader = EventReader(message: message, event: message.event)
        switch message.event {
        case "x.grp.mem.new":
            // Connected ids, then the new member's id and role.
            guard reader.parameterCount >= 2 else { throw .missing("member id and role", event: reader.event) }
            let last = reader.parameterCount - 2
            var connected: [MemberID] = []
            for index in 0..<last { connected.append(try reader.member(index)) }
            return .memberNew(MemberAnnouncement(connected: connected, new: try reader.description(from: last)))
        case "x.grp.mem.intro":
            if isEarlierForm(message) { return .earlierForm(name: message.event) }
            return .memberIntroduce(try reader.description(from: 0))
        case "x.grp.mem.inv":
            if isEarlierForm(message) { return .earlierForm(name: message.event) }
            return .memberInvite(try memberInvitation(reader, links: 1))
        case "x.grp.mem.fwd":
            // Some send the role, which x.grp.mem.new has told, behind the id.
            let second = try reader.parameter(1, "group invitation")
            return .memberForward(try memberInvitation(reader, links: MemberRole(rawValue: second) == nil ? 1 : 2))
        case "x.grp.mem.info": return .memberInfo(try reader.description(from: 0))
        case "x.grp.mem.con": return .memberConnected(try reader.member(0))
        case "x.grp.mem.con.all", "x.grp.mem.ok": return .memberConnectedToAll(try reader.member(0))
        case "x.grp.mem.del": return .memberDelete(try reader.member(0))
        default: return nil
        }
    }

    /// The seed's examples with two numbers, as `x.grp.mem.inv 23456,123`: no role and no link is a number.
    private static func isEarlierForm(_ message: ChatMessage) -> Bool {
        message.parameters.count == 2 && message.parameters.allSatisfy { ChatNumber(digits: $0.utf8) != nil }
    }

    private static func memberInvitation(
        _ reader: EventReader, links: Int
    ) throws(ChatProtocolError) -> MemberInvitation {
        MemberInvitation(
            member: try reader.member(0), group: try reader.link(links, "group invitation"),
            direct: try reader.link(links + 1, "direct invitation"), probe: try reader.hash(links + 2, "probe", .url))
    }
}
