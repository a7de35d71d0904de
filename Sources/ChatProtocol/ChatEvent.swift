/// What a chat message says: every event of the protocol with its parameters and bodies read and checked.
///
/// Parameters and parts that an event does not have are ignored. An event that this version does not know is `.unknown`:
/// it is logged, skipped and acknowledged.
public enum ChatEvent: Hashable, Sendable {
    /// x.msg.new
    case newMessage(NewMessage)
    /// x.msg.file: a chunk of an offered or announced file. `body` has `chunk.length` bytes, its hash is not checked.
    case fileChunk(FileChunk, body: ArraySlice<UInt8>)
    /// x.msg.update: new content for the message `reference`.
    case messageUpdate(reference: Int64, parts: [ContentPart])
    /// x.msg.delete
    case messageDelete(reference: Int64)
    /// x.msg.eval: input for the application in the message `reference`.
    case messageEvaluate(reference: Int64, parts: [ContentPart])

    /// x.file
    case fileOffer(FileInvitation)
    /// x.file.acpt, in the connection information of the recipient's join: the name that was offered.
    case fileAccept(name: String)
    /// x.file.want
    case fileWant(FileWant)
    /// x.file.done
    case fileDone(FileDone)
    /// x.file.ok: the file with this root hash, 32 bytes, is synced under its final name.
    case fileComplete(root: [UInt8])
    /// x.file.cancel
    case fileCancel(FileCancel)
    /// x.file.direct
    case fileDirect(DirectOffer)
    /// x.file.retry: the recipient of the x.file or x.msg.new `reference`, which is over, asks for the file again.
    case fileRetry(reference: Int64)

    /// x.ok: the answer to connection information that has no other.
    case ok
    /// x.info: who the other side is.
    case info(Profile)
    /// x.info.probe: 32 random bytes.
    case probe([UInt8])
    /// x.info.probe.check: the SHA-256 of a probe, 32 bytes.
    case probeCheck(hash: [UInt8])
    /// x.info.probe.ok: the probe itself.
    case probeConfirm([UInt8])

    /// x.grp.inv
    case groupInvite(GroupInvitation)
    /// x.grp.acpt
    case groupAccept(member: MemberID)
    /// x.grp.leave
    case groupLeave
    /// x.grp.del
    case groupDelete
    /// x.grp.mem.new
    case memberNew(MemberAnnouncement)
    /// x.grp.mem.intro
    case memberIntroduce(MemberDescription)
    /// x.grp.mem.inv
    case memberInvite(MemberInvitation)
    /// x.grp.mem.fwd
    case memberForward(MemberInvitation)
    /// x.grp.mem.info
    case memberInfo(MemberDescription)
    /// x.grp.mem.con
    case memberConnected(MemberID)
    /// x.grp.mem.con.all, and its other name x.grp.mem.ok
    case memberConnectedToAll(MemberID)
    /// x.grp.mem.del
    case memberDelete(MemberID)

    /// An earlier form of a group event, or one of x.grp.mem.acpt, .req and .direct.inv: logged, ignored, never sent.
    case earlierForm(name: String)
    /// An event that this version does not know.
    case unknown(name: String)

    /// The event's name on the wire.
    public var name: String {
        switch self {
        case .newMessage: "x.msg.new"
        case .fileChunk: "x.msg.file"
        case .messageUpdate: "x.msg.update"
        case .messageDelete: "x.msg.delete"
        case .messageEvaluate: "x.msg.eval"
        case .fileOffer: "x.file"
        case .fileAccept: "x.file.acpt"
        case .fileWant: "x.file.want"
        case .fileDone: "x.file.done"
        case .fileComplete: "x.file.ok"
        case .fileCancel: "x.file.cancel"
        case .fileDirect: "x.file.direct"
        case .fileRetry: "x.file.retry"
        case .ok: "x.ok"
        case .info: "x.info"
        case .probe: "x.info.probe"
        case .probeCheck: "x.info.probe.check"
        case .probeConfirm: "x.info.probe.ok"
        case .groupInvite: "x.grp.inv"
        case .groupAccept: "x.grp.acpt"
        case .groupLeave: "x.grp.leave"
        case .groupDelete: "x.grp.del"
        case .memberNew: "x.grp.mem.new"
        case .memberIntroduce: "x.grp.mem.intro"
        case .memberInvite: "x.grp.mem.inv"
        case .memberForward: "x.grp.mem.fwd"
        case .memberInfo: "x.grp.mem.info"
        case .memberConnected: "x.grp.mem.con"
        case .memberConnectedToAll: "x.grp.mem.con.all"
        case .memberDelete: "x.grp.mem.del"
        case .earlierForm(let name), .unknown(let name): name
        }
    }
}
