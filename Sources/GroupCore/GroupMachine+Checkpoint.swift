import ChatProtocol
import WireFormat

extension GroupMachine {
    /// Everything that the next step depends on. The same machine has the same bytes.
    public func checkpoint() -> [UInt8] {
        var writer = WireWriter(capacity: 1024)
        writer.u8(GroupCheckpointCoding.version)
        writer.profile(group)
        me.write(to: &writer)
        writer.optional(host) { $0.member($1) }
        writer.text(hostLink)
        writer.items(sortedMembers) { $1.write(to: &$0) }
        writer.items(introductions.keys.sorted()) { writer, invitee in
            writer.member(invitee)
            writer.items((introductions[invitee] ?? [:]).sorted { $0.key < $1.key }) { writer, entry in
                writer.member(entry.key)
                entry.value.write(to: &writer)
            }
        }
        writer.items(departed.sorted { $0.key < $1.key }) { writer, entry in
            writer.member(entry.key)
            writer.departure(entry.value)
        }
        writer.i64(nextNumber)
        writer.items(earlyChecks) { writer, check in
            writer.i64(check.contact.id)
            writer.data(check.contact.binding)
            writer.data(check.hash)
        }
        return writer.bytes
    }

    /// The machine whose checkpoint this is.
    /// - Throws: `checkpointDamaged`, `checkpointNewer`.
    public init(checkpoint: [UInt8]) throws(GroupRefusal) {
        self = try GroupCheckpointCoding.decode(checkpoint) { reader throws(WireError) in
            try GroupMachine(from: &reader)
        }
    }

    private init(from reader: inout WireReader) throws(WireError) {
        self.init(
            group: try reader.profile(), me: try GroupSelf(from: &reader),
            host: try reader.optional { reader throws(WireError) in try reader.member() },
            hostLink: try reader.text())
        for member in try reader.items({ reader throws(WireError) in try GroupMember(from: &reader) }) {
            members[member.id] = member
        }
        let entries = try reader.items { reader throws(WireError) in
            let invitee = try reader.member()
            let others = try reader.items { reader throws(WireError) in
                (try reader.member(), try Introduction(from: &reader))
            }
            return (invitee, others)
        }
        for (invitee, others) in entries {
            introductions[invitee] = Dictionary(others) { _, last in last }
        }
        let gone = try reader.items { reader throws(WireError) in (try reader.member(), try reader.departure()) }
        departed = Dictionary(gone) { _, last in last }
        let at = reader.offset
        nextNumber = try reader.i64()
        guard nextNumber > 0, nextNumber < Int64.max / 2 else { throw .unexpected(offset: at) }
        earlyChecks = try reader.items { reader throws(WireError) in
            let contact = KnownContact(id: try reader.i64(), binding: try reader.data())
            return EarlyCheck(contact: contact, hash: try reader.data())
        }
    }
}

extension GroupSelf {
    fileprivate func write(to writer: inout WireWriter) {
        writer.member(id)
        writer.choice(role)
        writer.profile(profile)
        writer.choice(status)
        writer.optional(departure) { $0.departure($1) }
    }

    fileprivate init(from reader: inout WireReader) throws(WireError) {
        self.init(
            id: try reader.member(), role: try reader.choice(), profile: try reader.profile(),
            status: try reader.choice(),
            departure: try reader.optional { reader throws(WireError) in try reader.departure() })
    }
}

extension GroupMember {
    fileprivate func write(to writer: inout WireWriter) {
        writer.member(id)
        writer.choice(role)
        writer.profile(profile)
        writer.choice(category)
        writer.choice(status)
        writer.optional(invitedBy) { $0.member($1) }
        writer.optional(contact) { $0.i64($1) }
        writer.flag(isConfirmed)
        writer.items(announcers) { $0.member($1) }
        writer.items(lines) { $1.write(to: &$0) }
        writer.optional(active) { $0.member($1) }
        writer.optional(probeSent) { $0.data($1) }
        writer.items(asked) { $0.i64($1) }
        writer.optional(probeReceived) { $0.data($1) }
    }

    fileprivate init(from reader: inout WireReader) throws(WireError) {
        let description = MemberDescription(
            member: try reader.member(), role: try reader.choice(), profile: try reader.profile())
        self.init(
            description, try reader.choice(), try reader.choice(),
            invitedBy: try reader.optional { reader throws(WireError) in try reader.member() },
            contact: try reader.optional { reader throws(WireError) in try reader.i64() })
        isConfirmed = try reader.flag()
        announcers = try reader.items { reader throws(WireError) in try reader.member() }
        lines = try reader.items { reader throws(WireError) in try GroupLine(from: &reader) }
        active = try reader.optional { reader throws(WireError) in try reader.member() }
        probeSent = try reader.optional { reader throws(WireError) in try reader.data() }
        asked = try reader.items { reader throws(WireError) in try reader.i64() }
        probeReceived = try reader.optional { reader throws(WireError) in try reader.data() }
    }
}

extension GroupLine {
    fileprivate func write(to writer: inout WireWriter) {
        writer.member(introducer)
        writer.flag(isMine)
        writer.choice(group)
        writer.choice(direct)
        writer.text(groupLink)
        writer.text(directLink)
        writer.data(probe)
        writer.flag(isConfirmed)
    }

    fileprivate init(from reader: inout WireReader) throws(WireError) {
        self.init(
            introducer: try reader.member(), isMine: try reader.flag(), group: try reader.choice(),
            direct: try reader.choice())
        groupLink = try reader.text()
        directLink = try reader.text()
        probe = try reader.data()
        isConfirmed = try reader.flag()
    }
}

extension Introduction {
    fileprivate func write(to writer: inout WireWriter) {
        writer.choice(status)
        writer.flag(isAnnounced)
        writer.optional(invitation) { writer, invitation in
            writer.member(invitation.member)
            writer.text(invitation.group)
            writer.text(invitation.direct)
            writer.data(invitation.probe)
        }
    }

    fileprivate init(from reader: inout WireReader) throws(WireError) {
        self.init(status: try reader.choice(), isAnnounced: try reader.flag())
        invitation = try reader.optional { reader throws(WireError) in
            MemberInvitation(
                member: try reader.member(), group: try reader.text(), direct: try reader.text(),
                probe: try reader.data())
        }
    }
}
