// A page that uploads one file with Uppy: in signed parts, or by tus with a break in the middle.
import AwsS3 from '@uppy/aws-s3'
import Uppy from '@uppy/core'
import Tus from '@uppy/tus'

const query = new URLSearchParams(location.search)
const api = query.get('api')

async function call(method, path, body) {
  const headers = body ? { 'Content-Type': 'application/json' } : {}
  const response = await fetch(api + path, {
    method, headers, body: body && JSON.stringify(body), credentials: 'include',
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return (await response.json()).data
}

async function signedParts(uppy, media) {
  const path = `/api/media/${media.id}/multipart`
  const upload = await call('POST', path)
  uppy.use(AwsS3, {
    shouldUseMultipart: true,
    getChunkSize: () => upload.partSize,
    createMultipartUpload: async () => ({ uploadId: upload.uploadId, key: media.r2Key }),
    listParts: async () => (await call('GET', `${path}/${upload.uploadId}`)).parts
      .map(p => ({ PartNumber: p.partNumber, ETag: p.etag, Size: p.size })),
    signPart: async (file, { partNumber }) => {
      const signed = await call('POST', `${path}/${upload.uploadId}/parts`, { partNumbers: [partNumber] })
      return { url: signed.parts[0].presignedUrl }
    },
    completeMultipartUpload: async (file, { parts }) => {
      await call('POST', `${path}/${upload.uploadId}/complete`, {
        parts: parts.map(p => ({ partNumber: p.PartNumber, etag: p.ETag })),
      })
      return {}
    },
    abortMultipartUpload: () => call('DELETE', `${path}/${upload.uploadId}`),
  })
}

function tus(uppy, media) {
  uppy.use(Tus, { endpoint: `${api}/api/media/${media.id}/tus`, withCredentials: true })
  let paused = false
  uppy.on('upload-progress', (file, progress) => {
    if (!paused && progress.bytesUploaded > 0) {
      paused = true
      uppy.pauseResume(file.id)
      uppy.pauseResume(file.id)
    }
  })
}

async function run() {
  const content = await (await fetch('/film.mp4')).blob()
  const media = await call('POST', '/api/media', {
    title: 'A film', mediaType: 'video', mimeType: 'video/mp4', fileSizeBytes: content.size,
  })
  const uppy = new Uppy()
  await (query.get('by') === 'tus' ? tus : signedParts)(uppy, media)
  uppy.addFile({ name: 'film.mp4', type: 'video/mp4', data: content })
  const result = await uppy.upload()
  if (result.failed.length > 0) throw new Error(JSON.stringify(result.failed[0].error))
  return media.id
}

run().then(id => ({ id }), error => ({ error: String(error.stack || error) }))
  .then(outcome => fetch('/outcome', { method: 'POST', body: JSON.stringify(outcome) }))
